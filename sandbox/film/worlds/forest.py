"""Inside a wood: trunks behind trunks, light falling through, ferns at our feet."""

import numpy as np

from sandbox.film.layers import Layer
from sandbox.film.noise import Floats, dither, field, line, smooth
from sandbox.film.palette import Colour, mix, rgb
from sandbox.film.sky import Sun, gradient, place_sun
from sandbox.film.stage import Stage, even

_LEAVES = {"day": "4c8a3c", "dawn": "5f8a55", "golden": "8f7a2c", "neon": "3a2a7a"}


def paint(stage: Stage) -> list[Layer]:
    """Return the layers from far to near."""
    sun = place_sun(stage, 0.7)
    layers = [_clearing(stage, sun)]
    for depth, base, density in ((0.1, 0.7, 30), (0.2, 0.74, 20), (0.38, 0.8, 11), (0.64, 0.87, 6)):
        layers.append(_trunks(stage, depth, base, density))
    layers.append(_beams(stage, sun))
    layers.append(_ferns(stage, 1.0, 0.96))
    return layers


def _green(stage: Stage) -> Colour:
    """Return the colour of leaves at this hour."""
    leaf = rgb(_LEAVES.get(stage.story.hour, "2b5a4c"))
    return mix(leaf, stage.palette.near, 0.25 + 0.45 * stage.palette.starry)


def _clearing(stage: Stage, sun: Sun) -> Layer:
    """Paint the brightness at the end of the wood."""
    depth = 0.04
    width, height = stage.plate_width(depth), stage.height
    palette = stage.palette
    colour = gradient(stage, 0.7, width)
    leaves = field(stage.dice, (height, width), cells=5, octaves=6)
    rows = stage.rows(0, height)
    crown = smooth((leaves - 0.28 - rows * 0.5) / 0.12) * np.float32(0.6)
    haze = mix(palette.haze, _green(stage), 0.6)
    colour += (haze - colour) * np.float32(0.35)
    colour += (mix(haze, palette.near, 0.3) - colour) * crown[..., None]
    ys = np.arange(height, dtype=np.float32)[:, None] - np.float32(height * 0.46)
    xs = np.arange(width, dtype=np.float32)[None, :] - np.float32(sun.x)
    away = np.sqrt(xs * xs + ys * ys * np.float32(0.5)) / np.float32(stage.unit)
    glow = np.exp(-away / 15) * np.float32(0.9 - 0.35 * palette.starry)
    colour += (mix(palette.light, palette.glow, 0.4) - colour) * glow[..., None]
    ground = smooth((rows - 0.68) / 0.16) * np.float32(0.7)
    colour += (mix(haze, palette.near, 0.35) - colour) * ground[..., None]
    colour += dither(stage.dice, (height, width, 1))
    return Layer(colour, None, top=0, depth=depth)


def _trunks(stage: Stage, depth: float, base: float, density: int) -> Layer:
    """Paint one rank of trees with its strip of ground and its leaves above."""
    width, height = stage.plate_width(depth), stage.height
    palette = stage.palette
    soil = line(stage.dice, width, bumps=5, octaves=5) * np.float32(0.018)
    ground = (np.float32(base) + soil) * height
    ys = np.arange(height, dtype=np.float32)[:, None]
    alpha = np.clip(ys - ground[None, :], 0, 1)
    lit = np.zeros((height, width), np.float32)
    count = max(3, round(density * width / height / 1.78))
    for number in range(count):
        x = (number + stage.dice.uniform(0.1, 0.9)) * width / count
        girth = stage.unit * (0.35 + 4.2 * depth) * stage.dice.uniform(0.7, 1.5)
        _trunk(stage, alpha, lit, x=x, girth=girth, base=base)
    leaves = field(stage.dice, (height, width), cells=7 + 5 * (1 - depth), octaves=5)
    crown = smooth((leaves - np.float32(0.37) - (ys / height) * np.float32(1.15)) / 0.06)
    alpha = np.maximum(alpha, crown)
    dark = mix(palette.at(0.3 + 0.7 * depth), _green(stage), 0.55 * (1 - depth * 0.5))
    bright = mix(dark, palette.glow, 0.3 * (1 - 0.6 * palette.starry))
    colour = dark + (bright - dark) * lit[..., None]
    mist = smooth((ys / height - base + 0.22) / 0.24) * np.float32(0.55 * (1 - depth))
    mist = mist * np.ones_like(alpha)
    colour += (mix(palette.haze, palette.glow, 0.15) - colour) * mist[..., None]
    colour *= (0.9 + 0.2 * leaves)[..., None]
    colour += dither(stage.dice, (height, width, 1))
    return Layer(colour, alpha, top=0, depth=depth)


def _trunk(
    stage: Stage, alpha: Floats, lit: Floats, *, x: float, girth: float, base: float
) -> None:
    """Add one trunk: wider at the foot, slightly bent, lit along one edge."""
    height, width = alpha.shape
    foot = int((base + 0.02) * height)
    ys = np.arange(foot, dtype=np.float32)[:, None]
    up = 1 - ys / np.float32(foot)
    bend = stage.dice.uniform(-1, 1) * girth * 2.2
    middle = np.float32(x) + np.float32(bend) * up**2
    half = np.float32(girth / 2) * (1 - 0.38 * up + 1.1 * np.exp(-up * 26))
    low = max(0, int(x - girth * 4))
    high = min(width, int(x + girth * 4) + 1)
    if high <= low:
        return
    xs = np.arange(low, high, dtype=np.float32)[None, :]
    across = (xs - middle) / half
    inside = np.clip((1 - np.abs(across)) * half + 0.5, 0, 1)
    region = alpha[:foot, low:high]
    np.maximum(region, inside, out=region)
    edge = inside * smooth((across - 0.2) / 0.8) * np.float32(0.85)
    np.maximum(lit[:foot, low:high], edge, out=lit[:foot, low:high])


def _beams(stage: Stage, sun: Sun) -> Layer:
    """Paint shafts of light that fan out from above."""
    depth = 0.16
    width, height = stage.plate_width(depth), even(stage.height * 0.9)
    ys = np.arange(height, dtype=np.float32)[:, None]
    xs = np.arange(width, dtype=np.float32)[None, :]
    angle = (xs - np.float32(sun.x)) / (ys + np.float32(stage.height * 0.5))
    shafts = line(stage.dice, 512, bumps=18, octaves=2)
    index = np.clip((angle + 1.2) / 2.4 * 511, 0, 511).astype(np.int32)
    beam = smooth((shafts[index] - 0.05) / 0.7) * np.exp(-np.abs(angle) * 1.6)
    fade = smooth((1 - ys / height) / 0.7)
    alpha = beam * fade * np.float32(0.3 - 0.16 * stage.palette.starry)
    colour = np.ones((height, width, 1), np.float32) * mix(
        stage.palette.light, stage.palette.glow, 0.45
    )
    return Layer(colour, alpha, top=0, depth=depth)


def _ferns(stage: Stage, depth: float, base: float) -> Layer:
    """Paint the undergrowth in front of everything."""
    width = stage.plate_width(depth)
    outline = (np.float32(base) - 0.02 * line(stage.dice, width, bumps=5, octaves=3)) * stage.height
    columns = np.arange(width, dtype=np.float32)
    for _ in range(int(width / stage.unit * 2.6)):
        x, tall = stage.dice.uniform(0, width), stage.unit * stage.dice.uniform(2, 8.5)
        lean = stage.dice.uniform(-0.55, 0.55)
        low, high = max(0, int(x - tall)), min(width, int(x + tall) + 1)
        away = (columns[low:high] - np.float32(x)) / np.float32(tall)
        blade = 1 - np.abs(away - lean * 0.5) * np.float32(stage.dice.uniform(9, 20))
        peak = outline[low:high].mean() if high > low else 0.0
        outline[low:high] = np.minimum(
            outline[low:high], peak - np.maximum(blade, -1) * np.float32(tall * 0.8)
        )
    top = even(max(0.0, float(outline.min()) - 2))
    ys = np.arange(top, stage.height, dtype=np.float32)[:, None]
    alpha = np.clip(ys - outline[None, :] + 0.5, 0, 1)
    dark = mix(stage.palette.near, _green(stage), 0.24)
    colour = np.ones((*alpha.shape, 1), np.float32) * dark
    colour += dither(stage.dice, (*alpha.shape, 1))
    return Layer(colour, alpha, top=top, depth=depth)
