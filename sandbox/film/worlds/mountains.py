"""Ranges behind ranges, mist in the valleys, pines on the near slopes."""

import numpy as np

from sandbox.film.layers import Layer
from sandbox.film.noise import Floats, dither, field, line, smooth
from sandbox.film.palette import mix, rgb
from sandbox.film.sky import paint_clouds, paint_sky, place_sun
from sandbox.film.stage import Stage, even

_HORIZON = 0.66


def paint(stage: Stage) -> list[Layer]:
    """Return the layers from far to near."""
    sun = place_sun(stage, _HORIZON)
    layers = [paint_sky(stage, _HORIZON, sun)]
    clouds = paint_clouds(stage, _HORIZON, sun)
    if clouds:
        layers.append(clouds)
    light_from_left = sun.x < stage.width / 2
    for depth, base, height in ((0.08, 0.58, 0.26), (0.16, 0.66, 0.2)):
        layers.append(_range(stage, depth, base, height, left=light_from_left))
    for depth, base, height in ((0.3, 0.74, 0.1), (0.52, 0.83, 0.09), (0.9, 0.95, 0.1)):
        layers.append(pine_hill(stage, depth, base, height))
    return layers


def _range(stage: Stage, depth: float, base: float, height: float, *, left: bool) -> Layer:
    """Paint high mountains with a lit and a shadowed side, and snow where it lies."""
    width = stage.plate_width(depth)
    bumps = 3.0 * max(0.55, width / stage.height / 1.9)
    ridge = line(stage.dice, width, bumps=bumps, octaves=1)
    crags = line(stage.dice, width, bumps=bumps * 4, octaves=6, roughness=0.55)
    profile = (base - height * (0.95 - 1.05 * np.abs(ridge) + 0.16 * crags)) * stage.height
    top = max(0, even(float(profile.min()) - 2))
    bottom = stage.height
    ys = np.arange(top, bottom, dtype=np.float32)[:, None]
    below = ys - profile[None, :]
    alpha = np.clip(below + 0.5, 0, 1)
    lit = _facets(stage, profile, below, left=left)
    palette = stage.palette
    shadow = palette.at(0.22 + depth * 1.6)
    bright = mix(shadow, mix(palette.light, palette.horizon, 0.5), 0.42)
    colour = shadow + (bright - shadow) * lit[..., None]
    snow_line = height * stage.height * (1.2 if stage.story.air == "snow" else 0.34)
    ragged = field(stage.dice, below.shape, cells=14, octaves=4)
    snow = smooth((np.float32(snow_line) * (0.4 + 1.2 * ragged) - below) / (0.08 * snow_line))
    white = mix(mix(rgb("f4f7ff"), palette.horizon, 0.35), palette.haze, 0.25)
    snowy = shadow + (white - shadow) * (0.3 + 0.62 * lit)[..., None]
    colour += (snowy - colour) * (snow * np.float32(0.85))[..., None]
    mist = smooth((ys / stage.height - (base - 0.22)) / 0.3) * np.float32(0.92)
    colour += (palette.haze - colour) * mist[..., None]
    colour += dither(stage.dice, (*below.shape, 1))
    return Layer(colour, alpha, top=top, depth=depth)


def _facets(stage: Stage, profile: Floats, below: Floats, *, left: bool) -> Floats:
    """Return 0 to 1 for how the light falls: slopes run down aslant from the ridge."""
    slope = np.gradient(profile).astype(np.float32)
    span = max(3, int(stage.unit * 1.6))
    slope = np.convolve(slope, np.ones(span) / span, mode="same").astype(np.float32)
    wobble = field(stage.dice, below.shape, cells=9, octaves=5) - 0.5
    columns = np.arange(below.shape[1], dtype=np.float32)[None, :]
    lean = np.float32(0.22 if left else -0.22)
    reach = columns + below * lean + wobble * np.float32(stage.unit * 9)
    index = np.clip(reach, 0, below.shape[1] - 1).astype(np.int32)
    facing = slope[index] * np.float32(1 if not left else -1)
    return smooth(0.45 - facing * np.float32(0.75) + wobble * np.float32(0.9))


def pine_hill(stage: Stage, depth: float, base: float, height: float) -> Layer:
    """Paint a hill whose edge is a line of conifers."""
    width = stage.plate_width(depth)
    ground = line(stage.dice, width, bumps=1.6 + depth, octaves=4) * np.float32(height)
    profile = (np.float32(base) + ground * np.float32(0.6)) * stage.height
    edge = np.minimum(profile, _pines(stage, profile, depth))
    top = max(0, even(float(edge.min()) - 2))
    ys = np.arange(top, stage.height, dtype=np.float32)[:, None]
    alpha = np.clip(ys - edge[None, :] + 0.5, 0, 1)
    palette = stage.palette
    near = palette.at(min(1.0, 0.42 + depth * 0.62))
    mist = smooth((ys - profile[None, :]) / np.float32(stage.height * 0.16)) * np.float32(0.62)
    mist *= np.float32(1 - depth)
    tone = field(stage.dice, alpha.shape, cells=10, octaves=4)
    colour = near + (palette.haze - near) * (mist + 0.1 * (tone - 0.5))[..., None]
    if stage.story.air == "snow":
        frost = smooth((ys - profile) / (stage.unit * 2)) * (0.25 + 0.5 * tone)
        colour += (rgb("dfe8f5") - colour) * frost[..., None]
    colour += dither(stage.dice, (*alpha.shape, 1))
    return Layer(colour, alpha, top=top, depth=depth)


def _pines(stage: Stage, profile: Floats, depth: float) -> Floats:
    """Return the outline of conifers that stand along a profile."""
    outline = profile.copy()
    size = stage.unit * (1.5 + 7.5 * depth)
    x = -size
    columns = np.arange(len(profile), dtype=np.float32)
    while x < len(profile) + size:
        tall = size * stage.dice.uniform(0.6, 1.5)
        half = tall * stage.dice.uniform(0.17, 0.24)
        low, high = max(0, int(x - half)), min(len(profile), int(x + half) + 1)
        if high > low:
            foot = profile[min(max(int(x), 0), len(profile) - 1)]
            away = np.abs(columns[low:high] - np.float32(x)) / np.float32(half)
            # Boughs: steps along an otherwise straight side.
            boughs = away + 0.1 * ((away * 5) % 1.0)
            peak = foot - np.float32(tall) * (1 - boughs)
            outline[low:high] = np.minimum(outline[low:high], peak)
        x += size * stage.dice.choice((0.22, 0.3, 0.3, 0.45, 0.9))
    return outline
