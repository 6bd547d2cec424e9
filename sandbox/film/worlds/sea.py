"""Open water: a headland, the light's path on the sea, swell after swell."""

import numpy as np

from sandbox.film.layers import Layer
from sandbox.film.noise import Floats, dither, field, line, smooth
from sandbox.film.palette import mix, rgb
from sandbox.film.sky import Sun, paint_clouds, paint_sky, place_sun
from sandbox.film.stage import Stage, even

_HORIZON = 0.54


def paint(stage: Stage) -> list[Layer]:
    """Return the layers from far to near."""
    sun = place_sun(stage, _HORIZON)
    layers = [paint_sky(stage, _HORIZON, sun)]
    clouds = paint_clouds(stage, _HORIZON, sun)
    if clouds:
        layers.append(clouds)
    layers.append(_headland(stage, 0.07, sun, 0.05))
    layers.append(_headland(stage, 0.11, sun, 0.085))
    layers.append(_water(stage, sun))
    layers.append(_boat(stage, sun))
    for depth, base in ((0.3, 0.68), (0.48, 0.76), (0.7, 0.86), (1.0, 0.97)):
        layers.append(_swell(stage, depth, base, sun))
    return layers


def _sea_colour(stage: Stage) -> Floats:
    tone: Floats = mix(stage.palette.zenith, rgb("0d4a5c"), 0.35 * (1 - stage.palette.starry))
    return tone


def _depth_colours(stage: Stage) -> tuple[Floats, Floats]:
    """Return what the far sea is like at our feet and at the horizon."""
    palette = stage.palette
    near = mix(_sea_colour(stage), palette.near, 0.3)
    return near, mix(palette.horizon, palette.haze, 0.6)


def _headland(stage: Stage, depth: float, sun: Sun, height: float) -> Layer:
    """Paint land that comes in from the side away from the sun."""
    width = stage.plate_width(depth)
    out = np.linspace(0, 1, width, dtype=np.float32)
    if sun.x < stage.width / 2:
        out = 1 - out
    rough = line(stage.dice, width, bumps=4, octaves=7, roughness=0.5)
    reach = np.float32(stage.dice.uniform(0.34, 0.5) - depth)
    rise = smooth((reach - out) / 0.3) * (1 + 0.55 * rough) * np.float32(height * 1.3)
    profile = (np.float32(_HORIZON + 0.003) - np.maximum(rise, 0)) * stage.height
    top = max(0, even(float(profile.min()) - 2))
    bottom = even(_HORIZON * stage.height) + 4
    ys = np.arange(top, bottom, dtype=np.float32)[:, None]
    alpha = np.clip(ys - profile[None, :], 0, 1)
    far = stage.palette.at(0.12 + depth * 3)
    mist = smooth((ys / stage.height - _HORIZON + 0.09) / 0.1) * np.float32(0.5)
    colour = far + (stage.palette.haze - far) * (mist * np.ones_like(alpha))[..., None]
    return Layer(colour, alpha, top=top, depth=depth)


def _water(stage: Stage, sun: Sun) -> Layer:
    """Paint the far sea with the light's path on it."""
    depth = 0.14
    top = even(_HORIZON * stage.height)
    width, height = stage.plate_width(depth), stage.height - top
    far = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    palette = stage.palette
    shape = (height, width)
    near, horizon = _depth_colours(stage)
    colour = horizon + (near - horizon) * (far**0.42 * np.ones(shape, np.float32))[..., None]
    chop = _chop(stage, shape)
    colour *= (1 + 0.16 * (chop - 0.5) * (0.3 + far))[..., None]
    columns = np.arange(width, dtype=np.float32)[None, :]
    spread = np.float32(sun.radius) * (1 + 5.5 * far)
    path = np.exp(-(((columns - np.float32(sun.x)) / spread) ** 2))
    sparkle = smooth((chop - 0.52 + 0.16 * path) / 0.1)
    strength = path * (0.3 + 0.7 * sparkle) * (1 - 0.55 * far)
    strength *= np.float32(0.3 if stage.story.hour == "storm" else 0.85)
    colour += (palette.light - colour) * strength[..., None]
    colour += dither(stage.dice, (*shape, 1))
    return Layer(colour, None, top=top, depth=depth)


def _chop(stage: Stage, shape: tuple[int, int]) -> Floats:
    """Return wavelets that grow towards the viewer."""
    height, width = shape
    flat = field(stage.dice, (height * 2, width), cells=34, octaves=3, stretch=7)
    rows = (np.linspace(0, 1, height) ** 0.55 * (height * 2 - 1)).astype(np.int32)
    chop: Floats = flat[rows]
    return chop


def _boat(stage: Stage, sun: Sun) -> Layer:
    """Paint a small sail under the sun's side of the horizon."""
    depth = 0.15
    width = stage.plate_width(depth)
    size = stage.unit * 4.2
    bottom = even((_HORIZON + 0.022) * stage.height)
    height = even(size * 1.3) + 2
    ys = np.arange(height, dtype=np.float32)[:, None] - np.float32(height - 1)
    xs = np.arange(width, dtype=np.float32)[None, :] - np.float32(
        sun.x + stage.unit * stage.dice.choice((-9, 8, 13))
    )
    up = -ys / np.float32(size)
    across = xs / np.float32(size)
    hull = (up < 0.14) & (np.abs(across) < 0.34 + up * 0.9)
    main = (up > 0.19) & (up < 1.15) & (across > 0.02) & (across < (1.15 - up) * 0.42)
    jib = (up > 0.24) & (up < 0.95) & (across < -0.02) & (across > -(0.95 - up) * 0.36)
    alpha = (hull | main | jib).astype(np.float32)
    sail = mix(stage.palette.haze, stage.palette.light, 0.55)
    dark = stage.palette.at(0.85)
    colour = np.where((main | jib)[..., None], sail, dark).astype(np.float32)
    return Layer(colour, alpha, top=bottom - height, depth=depth)


def _swell(stage: Stage, depth: float, base: float, sun: Sun) -> Layer:
    """Paint one long wave with a bright crest; it rolls on its own."""
    drift = stage.unit * (0.8 + 2.2 * depth)
    width = stage.plate_width(depth, drift)
    bumps = (7 - 4 * depth) * max(0.5, width / stage.height / 1.9)
    rise = line(stage.dice, width, bumps=bumps, octaves=4, roughness=0.36)
    profile = (np.float32(base) - np.float32(0.012 + 0.026 * depth) * rise) * stage.height
    top = even(float(profile.min()) - 2)
    ys = np.arange(top, stage.height, dtype=np.float32)[:, None]
    below = ys - profile[None, :]
    alpha = smooth((below + 0.6) / np.float32(stage.unit * 0.3 + 1))
    palette = stage.palette
    near, horizon = _depth_colours(stage)
    here = mix(horizon, near, ((base - _HORIZON) / (1 - _HORIZON)) ** 0.42)
    body = mix(here, mix(_sea_colour(stage), palette.near, 0.5), 0.1 + 0.75 * depth)
    foot = mix(body, palette.near, 0.16 + 0.3 * depth)
    fall = smooth(below / np.float32(stage.height * 0.13))
    colour = body + (foot - body) * fall[..., None]
    shape = (below.shape[0], width)
    chop = field(stage.dice, shape, cells=12, octaves=4, stretch=5)
    sheen = mix(palette.horizon, palette.light, 0.25)
    crest = np.exp(-np.maximum(below, 0) / np.float32(stage.unit * (0.5 + depth * 1.3)))
    crest *= smooth((rise[None, :] + 0.35) / 0.9)
    gleam = crest * (0.2 + 0.8 * smooth((chop - 0.42) / 0.2)) * np.float32(0.5 - 0.2 * depth)
    gleam += smooth((chop - 0.56) / 0.12) * np.float32(0.13) * (1 - fall)
    colour += (sheen - colour) * gleam[..., None]
    colour += dither(stage.dice, (*shape, 1))
    return Layer(colour, alpha, top=top, depth=depth, drift=drift)
