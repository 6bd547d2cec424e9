"""Colours of the hours and weathers a film can have."""

import random
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sandbox.film.noise import Floats

Colour = Floats


@dataclass(frozen=True, slots=True)
class Palette:
    """Hold one mood: the sky from top to horizon, its light, the air between, what is near."""

    zenith: Colour
    middle: Colour
    horizon: Colour
    light: Colour
    haze: Colour
    near: Colour
    glow: Colour
    sun_height: float
    starry: float
    lamps: float

    def at(self, depth: float) -> Colour:
        """Return the colour of things at `depth`: 0 is lost in the haze, 1 is here."""
        return mix(self.haze, self.near, depth)


def rgb(code: str) -> Colour:
    """Read `rrggbb`."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return a colour between two: `share` 0 is the first."""
    mixed: Colour = one + (other - one) * np.float32(share)
    return mixed


def _palette(codes: str, *, sun: float, starry: float = 0.0, lamps: float = 0.0) -> Palette:
    """Read zenith, middle, horizon, light, haze, near and glow."""
    zenith, middle, horizon, light, haze, near, glow = map(rgb, codes.split())
    return Palette(zenith, middle, horizon, light, haze, near, glow, sun, starry, lamps)


PALETTES: Final = {
    "dawn": _palette(
        "3d4f86 c78fa6 fbd9b4 fff3dc e3b3ad 1f2545 ffd9a8", sun=0.16, starry=0.1, lamps=0.3
    ),
    "day": _palette("2a6cb4 74b2df e2f1f3 fffdf0 b9d6e6 17353d fff2c4", sun=0.62),
    "golden": _palette("36507f d9946b ffdb94 fff4cf eba76f 2b1a28 ffc463", sun=0.2, lamps=0.2),
    "dusk": _palette(
        "171a42 6c4080 f4917a ffdcb0 a05a86 120d25 ffb87a", sun=0.07, starry=0.4, lamps=0.7
    ),
    "night": _palette(
        "040818 0f2149 2d5084 f3f6ff 243e6b 03060e ffd890", sun=0.66, starry=1.0, lamps=1.0
    ),
    "storm": _palette("28323e 53606d 9da8ad dfe6e8 75828c 10161b ffdca0", sun=0.7, lamps=0.6),
    "neon": _palette(
        "0a0524 3d1268 e8487f ffd9ec 5d2180 06030f 38e8ff", sun=0.1, starry=0.2, lamps=1.0
    ),
}


def tinted(palette: Palette, dice: random.Random) -> Palette:
    """Return the palette as one day differs from another."""
    turn = dice.uniform(-1, 1)
    shift = np.array([9 * turn, dice.uniform(-5, 5), -9 * turn], np.float32)

    def tint(colour: Colour) -> Colour:
        tinted: Colour = np.clip(colour + shift * (0.3 + colour / 255), 0, 255)
        return tinted

    return replace(
        palette,
        zenith=tint(palette.zenith),
        middle=tint(palette.middle),
        horizon=tint(palette.horizon),
        haze=tint(palette.haze),
        near=tint(palette.near),
        sun_height=palette.sun_height * dice.uniform(0.85, 1.15),
    )
