"""Dunes with a lit and a shadowed side, and the wind's ripples on the near ones."""

import numpy as np

from sandbox.film.layers import Layer
from sandbox.film.noise import Floats, dither, field, line, smooth
from sandbox.film.palette import mix, rgb
from sandbox.film.sky import paint_clouds, paint_sky, place_sun
from sandbox.film.stage import Stage, even

_HORIZON = 0.6


def paint(stage: Stage) -> list[Layer]:
    """Return the layers from far to near."""
    sun = place_sun(stage, _HORIZON)
    layers = [paint_sky(stage, _HORIZON, sun)]
    clouds = paint_clouds(stage, _HORIZON, sun)
    if clouds and stage.story.hour in ("storm", "dusk", "dawn"):
        layers.append(clouds)
    left = sun.x < stage.width / 2
    for depth, base, height in (
        (0.07, 0.585, 0.03),
        (0.14, 0.62, 0.055),
        (0.28, 0.69, 0.085),
        (0.5, 0.79, 0.11),
        (0.9, 0.95, 0.15),
    ):
        layers.append(_dune(stage, depth, base, height, left=left))
    return layers


def _dune(stage: Stage, depth: float, base: float, height: float, *, left: bool) -> Layer:
    width = stage.plate_width(depth)
    crest = _crest(stage, width, depth)
    profile = (np.float32(base) - np.float32(height) * crest) * stage.height
    top = max(0, even(float(profile.min()) - 2))
    ys = np.arange(top, stage.height, dtype=np.float32)[:, None]
    below = ys - profile[None, :]
    alpha = np.clip(below + 0.5, 0, 1)
    lit = _light(stage, profile, below, depth, left=left)
    palette = stage.palette
    sand = mix(rgb("d99a5b"), palette.horizon, 0.3)
    shadow = mix(palette.at(0.3 + 0.55 * depth), sand, 0.16 * (1 - palette.starry))
    bright = mix(mix(palette.haze, sand, 0.5), palette.light, 0.22 * (1 - palette.starry))
    bright = mix(palette.haze, bright, 0.25 + 0.75 * depth)
    colour = shadow + (bright - shadow) * lit[..., None]
    fall = smooth(below / np.float32(stage.height * (0.1 + 0.3 * depth)))
    colour += (palette.haze - colour) * (fall * np.float32(0.55 * (1 - depth)))[..., None]
    colour += (palette.near - colour) * (fall * np.float32(0.5 * depth))[..., None]
    colour += dither(stage.dice, (*below.shape, 1))
    return Layer(colour, alpha, top=top, depth=depth)


def _crest(stage: Stage, width: int, depth: float) -> Floats:
    """Return sharp-backed waves: a long rise and a short fall."""
    bumps = (1.5 + 1.4 * (1 - depth)) * max(0.5, width / stage.height / 1.9)
    broad = line(stage.dice, width, bumps=bumps, octaves=2, roughness=0.4)
    crest: Floats = 1 - np.abs(broad) * np.float32(1.25)
    return crest


def _light(stage: Stage, profile: Floats, below: Floats, depth: float, *, left: bool) -> Floats:
    """Return 0 to 1: the crest's two sides, running down in curves, and ripples across them."""
    span = max(3, int(stage.unit * 2))
    slope = np.convolve(np.gradient(profile), np.ones(span) / span, mode="same")
    columns = np.arange(below.shape[1], dtype=np.float32)[None, :]
    sweep = np.sqrt(np.maximum(below, 0)) * np.float32(stage.unit * (0.5 + 1.4 * depth))
    reach = columns + sweep * (1 if left else -1)
    index = np.clip(reach, 0, below.shape[1] - 1).astype(np.int32)
    facing = slope.astype(np.float32)[index] * np.float32(-1 if left else 1)
    lit = smooth(0.5 + facing * np.float32(2.6))
    bend = field(stage.dice, below.shape, cells=4, octaves=2, stretch=1.5)
    wave = below / np.float32(stage.unit * (0.35 + 0.8 * depth)) + bend * 26 + columns * 0.004
    ripples = np.sin(wave * np.float32(2.2)) * np.float32(0.07 * depth)
    lit += ripples * smooth(below / np.float32(stage.unit * 3))
    return np.clip(lit, 0, 1)
