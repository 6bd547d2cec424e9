"""A skyline over still water: towers behind towers, lit windows, everything twice."""

import numpy as np

from sandbox.film.layers import Layer
from sandbox.film.noise import Floats, dither, field, rng_of, smooth
from sandbox.film.palette import Colour, mix, rgb
from sandbox.film.sky import paint_clouds, paint_sky, place_sun
from sandbox.film.stage import Stage, even

_WATERLINE = 0.76
_SIGNS = ("38e8ff", "ff4fa3", "ffd24a", "8a6bff", "ff6a3d")


def paint(stage: Stage) -> list[Layer]:
    """Return the layers from far to near."""
    sun = place_sun(stage, _WATERLINE)
    layers = [paint_sky(stage, _WATERLINE, sun)]
    clouds = paint_clouds(stage, _WATERLINE * 0.9, sun)
    if clouds:
        layers.append(clouds)
    layers.append(_water(stage))
    for depth, height, width in ((0.12, 0.44, 5.0), (0.26, 0.40, 6.5), (0.5, 0.27, 8.5)):
        layers.append(_skyline(stage, depth, height, width))
    layers.append(_quay(stage))
    return layers


def _water(stage: Stage) -> Layer:
    depth = 0.06
    top = even(_WATERLINE * stage.height)
    width, height = stage.plate_width(depth), stage.height - top
    palette = stage.palette
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    far, near = mix(palette.horizon, palette.haze, 0.6), mix(palette.zenith, palette.near, 0.5)
    colour = far + (near - far) * (down**0.6)[..., None]
    colour += dither(stage.dice, (height, width, 1))
    return Layer(colour, None, top=top, depth=depth)


def _skyline(stage: Stage, depth: float, height: float, width: float) -> Layer:
    """Paint one row of towers and its reflection."""
    columns = stage.plate_width(depth)
    waterline = even(_WATERLINE * stage.height) + even(depth * 0.03 * stage.height)
    top = even(max(0.0, waterline - height * stage.height * 1.45))
    rows = waterline - top
    colour = np.ones((rows, columns, 1), np.float32) * stage.palette.at(0.2 + 1.1 * depth)
    alpha = np.zeros((rows, columns), np.float32)
    x = -stage.unit * width * stage.dice.random()
    while x < columns:
        wide = stage.unit * width * stage.dice.uniform(0.55, 1.35)
        tall = stage.height * height * stage.dice.choice((0.35, 0.5, 0.6, 0.7, 0.85, 1.0, 1.3))
        _tower(stage, colour, alpha, x=x, wide=wide, tall=min(tall, rows - 2), depth=depth)
        x += wide * stage.dice.choice((0.9, 1.0, 1.05, 1.3))
    mist = smooth(np.linspace(-1.1, 1, rows, dtype=np.float32)[:, None])
    mist = mist * np.float32(0.6 * (1 - depth)) * np.ones_like(alpha)
    air = mix(stage.palette.haze, stage.palette.horizon, 0.45)
    colour += (air - colour) * mist[..., None]
    doubled = _mirrored(stage, colour, alpha, stage.height - waterline)
    return Layer(*doubled, top=top, depth=depth)


def _tower(
    stage: Stage, colour: Floats, alpha: Floats, *, x: float, wide: float, tall: float, depth: float
) -> None:
    rows, columns = alpha.shape
    left, right = max(0, int(x)), min(columns, int(x + wide))
    roof = rows - int(tall)
    if right - left < 3:
        return
    dice = stage.dice
    body = stage.palette.at(min(1.0, 0.22 + 1.2 * depth + dice.uniform(-0.07, 0.07)))
    lit = mix(body, stage.palette.light, 0.1 + 0.12 * (1 - stage.palette.lamps))
    shade = np.linspace(1, 0, right - left, dtype=np.float32)[None, :, None]
    colour[roof:, left:right] = body + (lit - body) * shade * np.float32(dice.random())
    alpha[roof:, left:right] = 1
    middle = (left + right) // 2
    crown = dice.random()
    if crown < 0.3:
        thin = max(1, int(stage.unit * 0.16))
        mast = max(0, roof - int(tall * dice.uniform(0.08, 0.2)))
        alpha[mast:roof, middle - thin : middle + thin] = 1
        colour[mast:roof, middle - thin : middle + thin] = body
    elif crown < 0.55:
        inset = int((right - left) * 0.2)
        step = max(0, roof - int(tall * 0.07))
        alpha[step:roof, left + inset : right - inset] = 1
        colour[step:roof, left + inset : right - inset] = body
    _windows(stage, colour[roof:, left:right], depth)
    if stage.story.hour == "neon" and depth > 0.2 and dice.random() < 0.5:
        _sign(stage, colour[roof:, left:right])


def _windows(stage: Stage, face: Floats, depth: float) -> None:
    """Light some windows of one tower, floor by floor."""
    height, width = face.shape[:2]
    pitch = max(3, round(stage.unit * (0.6 + 0.7 * depth)))
    floor = max(4, round(pitch * stage.dice.choice((1.2, 1.5, 2.0))))
    floors, panes = (height - floor) // floor, (width - pitch // 2) // pitch
    if floors < 1 or panes < 1:
        return
    rng = rng_of(stage.dice)
    busy = stage.dice.uniform(0.12, 0.62) * stage.palette.lamps
    lit = rng.random((floors, panes)) < busy
    lit |= rng.random((floors, 1)) < busy * 0.12
    strength = np.where(lit, rng.uniform(0.5, 1.0, lit.shape), 0.0).astype(np.float32)
    glass = 0.16 * (1 - stage.palette.lamps)
    lamp = _lamp(stage)
    sky = mix(stage.palette.middle, stage.palette.horizon, 0.5)
    pane_w, pane_h = max(1, round(pitch * 0.58)), max(2, round(floor * 0.58))
    for row in range(pane_h):
        for column in range(pane_w):
            ys = slice(floor // 2 + row, floor // 2 + row + floors * floor, floor)
            xs = slice(pitch // 3 + column, pitch // 3 + column + panes * pitch, pitch)
            spot = face[ys, xs]
            share = strength[: spot.shape[0], : spot.shape[1], None] * np.float32(0.9)
            spot += (sky - spot) * np.float32(glass)
            spot += (lamp - spot) * share


def _lamp(stage: Stage) -> Colour:
    if stage.story.hour == "neon":
        return mix(rgb(stage.dice.choice(_SIGNS)), rgb("ffe7c4"), stage.dice.uniform(0.25, 0.8))
    warm = mix(stage.palette.glow, rgb("fff1cf"), stage.dice.uniform(0.1, 0.7))
    return mix(warm, rgb("bfe0ff"), 0.5) if stage.dice.random() < 0.15 else warm


def _sign(stage: Stage, face: Floats) -> None:
    """Hang an upright neon sign on a tower, with its glow."""
    height, width = face.shape[:2]
    thick = max(2, int(stage.unit * 0.55))
    long = int(height * stage.dice.uniform(0.2, 0.45))
    if width < thick * 3 or long < 4:
        return
    x, y = int(width * stage.dice.uniform(0.2, 0.7)), int(height * stage.dice.uniform(0.06, 0.3))
    ys = np.arange(height, dtype=np.float32)[:, None]
    xs = np.arange(width, dtype=np.float32)[None, :]
    off_y = np.maximum(np.abs(ys - y - long / 2) - long / 2, 0)
    off_x = np.maximum(np.abs(xs - x) - thick / 2, 0)
    away = np.sqrt(off_x**2 + off_y**2)
    light = np.exp(-away / np.float32(stage.unit * 0.9)) * np.float32(0.85)
    colour = rgb(stage.dice.choice(_SIGNS))
    face += (colour - face) * light[..., None]
    core = (away < 0.5).astype(np.float32) * np.float32(0.7)
    face += (mix(colour, rgb("ffffff"), 0.6) - face) * core[..., None]


def _mirrored(stage: Stage, colour: Floats, alpha: Floats, below: int) -> tuple[Floats, Floats]:
    """Add the reflection: upside down, squeezed, broken into ripples, sinking into the water."""
    rows, columns = alpha.shape
    down = np.arange(below, dtype=np.float32)
    source = np.clip(rows - 1 - down * 1.55, 0, rows - 1).astype(np.int32)[:, None]
    ripple = field(stage.dice, (below, columns), cells=16, octaves=3, stretch=9) - 0.5
    sway = ripple * np.float32(stage.unit * 3.4) * (0.25 + down / below)[:, None]
    xs = np.arange(columns, dtype=np.float32)[None, :] + sway
    index = np.clip(xs, 0, columns - 1).astype(np.int32)
    fade = (0.72 * (1 - down / below) ** 0.7)[:, None].astype(np.float32)
    image = colour[source, index] * np.float32(0.86)
    mask = alpha[source, index] * fade * (0.82 + 0.7 * ripple)
    return np.concatenate([colour, image]), np.concatenate([alpha, np.clip(mask, 0, 1)])


def _quay(stage: Stage) -> Layer:
    """Paint a railing with lamps close to us."""
    depth = 1.0
    width = stage.plate_width(depth)
    height = even(stage.height * 0.24)
    top = stage.height - height
    ys = np.arange(height, dtype=np.float32)[:, None]
    xs = np.arange(width, dtype=np.float32)[None, :]
    thin = max(1.0, stage.unit * 0.22)
    rail = height - stage.unit * 6.2
    solid = ys > height - stage.unit * 1.4
    solid = solid | (np.abs(ys - rail) < thin * 1.3) | (np.abs(ys - rail - stage.unit * 2.4) < thin)
    spacing = stage.unit * 11
    post = np.abs((xs + spacing / 3) % spacing - spacing / 2) < thin * 1.3
    solid = solid | (post & (ys > rail))
    alpha = (solid * np.ones((height, width), bool)).astype(np.float32)
    colour = np.ones((height, width, 1), np.float32) * mix(stage.palette.near, rgb("000000"), 0.3)
    edge = (np.abs(ys - rail + thin * 0.7) < thin * 0.5).astype(np.float32) * np.float32(0.3)
    colour += (stage.palette.horizon - colour) * (edge * np.ones_like(alpha))[..., None]
    return Layer(colour, alpha, top=top, depth=depth)
