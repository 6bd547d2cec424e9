"""Paint the sky: its gradient, sun or moon, stars, and clouds that drift."""

from dataclasses import dataclass

import numpy as np

from sandbox.film.layers import Layer
from sandbox.film.noise import Floats, dither, field, rng_of, smooth
from sandbox.film.palette import Colour, mix
from sandbox.film.stage import Stage, even

SKY_DEPTH = 0.03
_CLOUD_COVER = {"day": 0.50, "dawn": 0.50, "golden": 0.49, "dusk": 0.50, "storm": 0.36}


@dataclass(frozen=True, slots=True)
class Sun:
    """Hold the place of the sun or moon in the plate, in pixels."""

    x: float
    y: float
    radius: float


def place_sun(stage: Stage, horizon: float) -> Sun:
    """Choose where the light stands over a horizon (0 top to 1 bottom of the frame)."""
    side = stage.dice.choice((0.3, 0.34, 0.64, 0.7))
    height = horizon * (1 - stage.palette.sun_height) * stage.height
    night = stage.palette.starry >= 1
    radius = stage.unit * (3.0 if night else 3.6 + 2.2 * (0.3 - min(stage.palette.sun_height, 0.3)))
    return Sun(side * stage.width, max(height, stage.unit * 9), radius)


def paint_sky(stage: Stage, horizon: float, sun: Sun | None) -> Layer:
    """Return the plate behind everything."""
    width, height = stage.plate_width(SKY_DEPTH), stage.height
    rgb = gradient(stage, horizon, width)
    if stage.palette.starry > 0:
        rgb += stars(stage, (height, width), horizon)[..., None] * np.float32(stage.palette.starry)
    if sun is not None:
        _shine(stage, rgb, sun)
    rgb += dither(stage.dice, (height, width, 1))
    return Layer(rgb, None, top=0, depth=SKY_DEPTH)


def gradient(stage: Stage, horizon: float, width: int) -> Floats:
    """Return zenith to horizon, and the haze below it."""
    palette = stage.palette
    rows = stage.rows(0, stage.height)[:, 0]
    stops = np.array([0, 0.56, 0.88, 1.0, 1.25], np.float32) * np.float32(horizon)
    warm = mix(palette.middle, palette.horizon, 0.62)
    colours = np.stack([palette.zenith, palette.middle, warm, palette.horizon, palette.haze])
    channels = [np.interp(rows, stops, colours[:, channel]) for channel in range(3)]
    column = np.stack(channels, axis=-1).astype(np.float32)
    plate: Floats = np.repeat(column[:, None, :], width, axis=1)
    return plate


def stars(stage: Stage, shape: tuple[int, int], horizon: float, density: float = 1.0) -> Floats:
    """Return the light of stars, few of them bright, fading towards the horizon."""
    height, width = shape
    rng = rng_of(stage.dice)
    sky = np.zeros(shape, np.float32)
    count = int(260 * density * width / max(stage.width, 1))
    xs = rng.integers(2, width - 3, count)
    ys = (rng.random(count) ** 1.3 * horizon * 0.92 * height).astype(int) + 2
    light = 40 + 190 * rng.random(count) ** 5
    scale = stage.unit / 6.5
    for x, y, strength in zip(xs, ys, light, strict=True):
        reach = min(max(1, round(scale * (1.2 + strength / 130))), 6)
        y0, y1 = max(0, y - reach), min(height, y + reach + 1)
        x0, x1 = max(0, x - reach), min(width, x + reach + 1)
        dy = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(y)
        dx = np.arange(x0, x1, dtype=np.float32)[None, :] - np.float32(x)
        spread = np.float32(2.2 / (0.35 + scale) ** 2)
        fade = np.float32(strength * min(1.0, 1.6 * (1 - y / (horizon * height + 1))))
        sky[y0:y1, x0:x1] += fade * np.exp(-(dx * dx + dy * dy) * spread)
    return sky


def _shine(stage: Stage, rgb: Floats, sun: Sun) -> None:
    """Add the disc and its glow to a sky plate."""
    height, width = rgb.shape[:2]
    ys = np.arange(height, dtype=np.float32)[:, None] - np.float32(sun.y)
    xs = np.arange(width, dtype=np.float32)[None, :] - np.float32(sun.x)
    distance = np.sqrt(xs * xs + ys * ys)
    palette = stage.palette
    night = palette.starry >= 1
    wide = np.exp(-distance / np.float32(stage.unit * (16 if night else 30)))
    close = np.exp(-distance / np.float32(sun.radius * 1.7))
    glow = palette.haze if night else palette.glow
    strength = 0.28 if night else (0.42 if palette.sun_height < 0.4 else 0.3)
    rgb += (255 - rgb) / 255 * glow * (wide * np.float32(strength))[..., None]
    rgb += (255 - rgb) / 255 * palette.light * (close * np.float32(0.62))[..., None]
    edge = np.clip(np.float32(sun.radius) - distance + 0.5, 0, 1)[..., None]
    face: Floats | Colour = palette.light
    if night:
        marks = field(stage.dice, (height, width), cells=height / sun.radius * 1.4, octaves=3)
        face = palette.light * (1 - 0.5 * np.clip(marks - 0.42, 0, 1))[..., None]
    if stage.story.hour == "storm":
        edge = edge * np.float32(0.25)
    rgb += (face - rgb) * edge


def paint_clouds(stage: Stage, horizon: float, sun: Sun) -> Layer | None:
    """Return clouds on the wind, or None for hours that have none."""
    cover = _CLOUD_COVER.get(stage.story.hour)
    if cover is None:
        return None
    drift = stage.unit * 0.7
    width, height = stage.plate_width(0.05, drift), even(horizon * stage.height)
    shape = (height, width)
    cells = 3.2 * max(1.0, height / width * 1.5)
    lumps = field(stage.dice, shape, cells=cells, octaves=6, stretch=2.6)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    body = smooth((lumps - np.float32(cover) - 0.05 * np.abs(rows - 0.45)) / 0.16)
    body *= smooth((1 - rows) / 0.22)
    step = max(2, height // 40)
    towards = np.arange(height) + (step if sun.y > height * 0.6 else -step)
    relief = lumps - lumps[np.clip(towards, 0, height - 1)]
    lit = np.clip(0.5 + relief * 4, 0, 1)[..., None]
    palette = stage.palette
    shade = mix(palette.middle, palette.haze, 0.5)
    bright = mix(palette.light, palette.horizon, 0.35)
    if stage.story.hour == "storm":
        shade, bright = mix(palette.zenith, palette.middle, 0.4), palette.horizon
    rgb = shade + (bright - shade) * lit
    return Layer(rgb, body * np.float32(0.82), top=0, depth=0.05, drift=drift)
