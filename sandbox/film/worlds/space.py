"""Deep space: a nebula, stars at three distances, a planet, and the limb of a moon below."""

import math

import numpy as np

from sandbox.film.layers import Layer
from sandbox.film.noise import Floats, dither, field, smooth
from sandbox.film.palette import mix, rgb
from sandbox.film.sky import stars
from sandbox.film.stage import Stage, even

_NEBULAE = (
    ("120a2e", "6a2c91", "e8588b", "ffb48a"),
    ("06122b", "14508a", "3fb6c9", "d6f7e4"),
    ("0d0b26", "35308f", "8a6cf0", "ffc6ec"),
    ("140b1c", "7a2b2b", "e0803f", "ffe2a3"),
)
_PLANETS = (
    ("d9a066", "8a4b36", "f3d6a5"),
    ("5c8fd6", "2b4f94", "e6f2ff"),
    ("c86a7c", "6d2f58", "f7c2a8"),
    ("79b8a4", "2d6570", "e9f5d8"),
)


def paint(stage: Stage) -> list[Layer]:
    """Return the layers from far to near."""
    side = stage.dice.choice((0.3, 0.68))
    return [
        _nebula(stage),
        _star_sheet(stage, 0.16, 0.35),
        _star_sheet(stage, 0.3, 0.12),
        _planet(stage, side),
        _limb(stage, 1 - side),
    ]


def _nebula(stage: Stage) -> Layer:
    depth = 0.06
    width, height = stage.plate_width(depth), stage.height
    shape = (height, width)
    dark, low, high, core = map(rgb, stage.dice.choice(_NEBULAE))
    warp = (field(stage.dice, shape, cells=2.2, octaves=5) - 0.5) * np.float32(1.5)
    gas = field(stage.dice, shape, cells=2.6, octaves=7)
    wisps = 1 - np.abs(field(stage.dice, shape, cells=3.4, octaves=6) * 2 - 1)
    ys = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    xs = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(width / height)
    tilt = stage.dice.uniform(-0.6, 0.6)
    band = np.exp(-(((ys + xs * np.float32(tilt) * 0.6 + warp) / 0.75) ** 2))
    light = smooth(gas * 1.25 - 0.3) * band
    colour = np.ones((*shape, 1), np.float32) * mix(dark, rgb("000208"), 0.62)
    colour += (low - colour) * (light * np.float32(0.75))[..., None]
    colour += (high - colour) * (light**2 * wisps**3 * np.float32(0.85))[..., None]
    colour += (core - colour) * (smooth((light * wisps**2 - 0.42) / 0.4) * 0.6)[..., None]
    dust = smooth((wisps - 0.8) / 0.16) * smooth((gas - 0.46) / 0.2) * band * np.float32(0.35)
    colour *= (1 - dust)[..., None]
    colour += stars(stage, shape, 1.1, density=3.2)[..., None] * np.float32(0.8)
    colour += dither(stage.dice, (*shape, 1))
    return Layer(colour, None, top=0, depth=depth)


def _star_sheet(stage: Stage, depth: float, density: float) -> Layer:
    """Paint nearer stars on their own plate."""
    width, height = stage.plate_width(depth), stage.height
    light = stars(stage, (height, width), 1.2, density=density) * np.float32(1.35)
    colour = np.ones((height, width, 1), np.float32) * rgb("f2f5ff")
    return Layer(colour, np.clip(light / 255, 0, 1), top=0, depth=depth)


def _planet(stage: Stage, side: float) -> Layer:
    """Paint a banded globe with a soft night side, its air and a ring."""
    depth = 0.42
    width, height = stage.plate_width(depth), stage.height
    radius = np.float32(stage.unit * stage.dice.uniform(14, 19))
    centre_x = np.float32(side * width)
    centre_y = np.float32(stage.height * stage.dice.uniform(0.32, 0.42))
    ys = (np.arange(height, dtype=np.float32)[:, None] - centre_y) / radius
    xs = (np.arange(width, dtype=np.float32)[None, :] - centre_x) / radius
    tilt = stage.dice.uniform(-0.5, 0.5)
    across = xs * np.float32(math.cos(tilt)) + ys * np.float32(math.sin(tilt))
    along = -xs * np.float32(math.sin(tilt)) + ys * np.float32(math.cos(tilt))
    squared = xs**2 + ys**2
    inside = np.clip((1 - np.sqrt(squared)) * radius + 0.5, 0, 1)
    bulge = np.sqrt(np.clip(1 - squared, 0, 1))
    base, dark, bright = map(rgb, stage.dice.choice(_PLANETS))
    swirl = field(stage.dice, (height, width), cells=7, octaves=5, stretch=3) - 0.5
    bands = np.sin((along * 7 + swirl * 2.6 + np.sin(along * 17) * 0.5) * np.float32(1.6))
    surface = base + (bright - base) * smooth(bands * 0.5 + 0.2)[..., None]
    surface += (dark - surface) * smooth(-bands * 0.55)[..., None]
    sun_x = np.float32(-0.72 if side > 0.5 else 0.72)
    day = smooth((xs * sun_x - ys * np.float32(0.42) + bulge * np.float32(0.55) + 0.12) / 0.9)
    surface *= (0.03 + 0.97 * day)[..., None]
    rim = np.exp(-np.abs(np.sqrt(squared) - 1) * 20) * smooth(xs * sun_x - ys * 0.42 + 0.5)
    surface += (bright - surface) * (rim * np.float32(0.55))[..., None]
    alpha = np.maximum(inside, rim * np.float32(0.5))
    if stage.dice.random() < 0.6:
        ring = _ring(across, along, squared)
        shadow = np.float32(0.25) + 0.75 * day
        colour = mix(base, bright, 0.6) * np.ones((height, width, 1), np.float32)
        surface += (colour * shadow[..., None] - surface) * ring[..., None]
        alpha = np.maximum(alpha, ring)
    return Layer(surface, alpha, top=0, depth=depth)


def _ring(across: Floats, along: Floats, squared: Floats) -> Floats:
    """Return a ring seen from slightly above; the globe hides its far half."""
    away = np.sqrt(across**2 + (along / np.float32(0.2)) ** 2)
    ring = smooth((away - 1.35) / 0.06) * smooth((2.15 - away) / 0.08)
    ring *= 0.45 + 0.4 * np.sin(away * 42) * np.sin(away * 17)
    hidden = (along < 0) & (squared < 1)
    visible: Floats = np.where(hidden, np.float32(0), np.clip(ring, 0, 1)).astype(np.float32)
    return visible * np.float32(0.85)


def _limb(stage: Stage, side: float) -> Layer:
    """Paint the curved edge of a moon with its craters, lit from the side."""
    depth = 1.0
    width = stage.plate_width(depth)
    radius = stage.width * 1.5
    middle = width * side
    peak = stage.height * 0.8
    columns = np.arange(width, dtype=np.float32)
    arc = np.sqrt(np.maximum(radius**2 - (columns - middle) ** 2, 0)).astype(np.float32)
    rough = field(stage.dice, (64, width), cells=5, octaves=5)[32] - 0.5
    edge = peak + radius - arc + rough * np.float32(stage.unit * 2.2)
    top = min(stage.height - 4, even(max(0.0, float(edge.min()) - 2)))
    shape = (stage.height - top, width)
    ys = np.arange(top, stage.height, dtype=np.float32)[:, None]
    below = ys - edge[None, :]
    alpha = np.clip(below + 0.5, 0, 1)
    ground = field(stage.dice, shape, cells=2.5, octaves=4, stretch=2.4)
    _dig_craters(stage, ground, below)
    relief = np.gradient(ground, axis=1) * np.float32(stage.unit * (11 if side < 0.5 else -11))
    tone = np.clip(0.34 + relief + (ground - 0.5) * 0.5, 0, 1)
    tone *= 0.16 + 0.84 * np.exp(-np.maximum(below, 0) / np.float32(stage.height * 0.1))
    stone, light = rgb("0b0c14"), rgb("9fa6b8")
    colour = stone + (light - stone) * (tone * np.float32(0.85))[..., None]
    rim = np.exp(-np.abs(below) / np.float32(stage.unit * 0.5)) * np.float32(0.5)
    colour += (rgb("dfe8ff") - colour) * rim[..., None]
    colour += dither(stage.dice, (*shape, 1))
    return Layer(colour, alpha, top=top, depth=depth)


def _dig_craters(stage: Stage, ground: Floats, below: Floats) -> None:
    """Press round hollows with raised rims into a ground, flat ones as seen from low above."""
    height, width = ground.shape
    ys = np.arange(height, dtype=np.float32)[:, None]
    xs = np.arange(width, dtype=np.float32)[None, :]
    for _ in range(26):
        reach = stage.unit * stage.dice.uniform(0.7, 3.4)
        x, y = stage.dice.uniform(0, width), stage.dice.uniform(0, height)
        if below[int(y), int(x)] < reach * 0.5:
            continue
        rows = slice(max(0, int(y - reach)), min(height, int(y + reach) + 1))
        columns = slice(max(0, int(x - reach * 2)), min(width, int(x + reach * 2) + 1))
        across = (xs[:, columns] - np.float32(x)) / np.float32(reach)
        down = (ys[rows] - np.float32(y)) / np.float32(reach * 0.34)
        away = np.sqrt(across**2 + down**2)
        rim = 0.16 * np.exp(-(((away - 1) / 0.2) ** 2))
        ground[rows, columns] += rim - 0.24 * smooth((1 - away) / 0.5)
