"""What floats in the air: snow, rain, petals, fireflies, dust, birds."""

import math
import random
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from sandbox.film.caption import ycc
from sandbox.film.layers import Canvas
from sandbox.film.noise import Floats
from sandbox.film.palette import rgb
from sandbox.film.stage import Stage

_LEVELS: Final = 8
_STEPS: Final = 4


@dataclass(frozen=True, slots=True)
class _Kind:
    """Hold what one kind of mote is like; lengths are units, speeds units a second."""

    count: int
    sizes: tuple[float, float]
    speed: tuple[float, float]
    sway: float
    strength: tuple[float, float]
    pulse: float
    shape: str
    colour: str
    top: float = 0.0
    bottom: float = 1.0


_KINDS: Final = {
    "snow": _Kind(170, (0.16, 0.62), (-1.2, 9.0), 1.4, (0.45, 0.95), 0.0, "dot", "ffffff"),
    "rain": _Kind(130, (2.0, 5.0), (-14.0, 120.0), 0.0, (0.12, 0.3), 0.0, "streak", "dfe9f2"),
    "petals": _Kind(64, (0.35, 0.85), (-4.0, 5.0), 2.6, (0.6, 0.95), 0.25, "leaf", "ffc3d4"),
    "fireflies": _Kind(46, (0.55, 1.0), (0.3, -0.4), 2.8, (0.5, 1.0), 1.0, "glow", "ffe9a0", 0.35),
    "dust": _Kind(42, (0.14, 0.34), (0.8, -0.5), 1.6, (0.15, 0.5), 0.7, "dot", "fff3dc"),
    "birds": _Kind(7, (0.7, 1.1), (4.6, -0.25), 0.5, (0.75, 0.9), 0.0, "bird", "000000", 0.1, 0.34),
}


@dataclass(frozen=True, slots=True)
class _Mote:
    x: float
    y: float
    dx: float
    dy: float
    size: float
    depth: float
    strength: float
    phase: float
    rate: float


class Air:
    """Hold the motes of one film and draw them at any moment."""

    def __init__(self, name: str, stage: Stage, dice: random.Random) -> None:
        """Scatter the motes of a kind over the frame."""
        self._kind = _KINDS[name]
        self._stage = stage
        self._motes = [self._mote(dice, number) for number in range(self._kind.count)]
        tint = rgb(self._kind.colour)
        self._colour = ycc(stage.palette.at(0.8) if name == "birds" else tint)
        self._masks: dict[tuple[int, ...], tuple[Image.Image, Image.Image]] = {}

    def draw(self, canvas: Canvas, time: float, camera: float, strength: float = 1.0) -> None:
        """Draw every mote; `camera` is how far the camera went, in pixels."""
        for mote in self._motes:
            self._draw(canvas, mote, time, camera, strength)

    def _mote(self, dice: random.Random, number: int) -> _Mote:
        kind, unit = self._kind, self._stage.unit
        depth = dice.random() ** 1.5
        size = kind.sizes[0] + (kind.sizes[1] - kind.sizes[0]) * depth
        near = 0.5 + 0.8 * depth
        x, y = dice.random() * self._stage.width, dice.random() * self._stage.height
        if kind.shape == "bird":
            # One flock, loosely in a wedge.
            wing = (number + 1) // 2 * (1 if number % 2 else -1)
            x = self._stage.width * 0.3 - abs(wing) * unit * 3.2 + dice.uniform(-1, 1) * unit
            y = (0.55 + wing * 0.13 + dice.uniform(-0.03, 0.03)) * self._stage.height
            near = 1.0
        return _Mote(
            x=x,
            y=y,
            dx=kind.speed[0]
            * unit
            * near
            * (1 if kind.shape == "bird" else dice.uniform(0.4, 1.3)),
            dy=kind.speed[1]
            * unit
            * near
            * (1 if kind.shape == "bird" else dice.uniform(0.8, 1.2)),
            size=round(size * 4) / 4 * unit if unit > 4 else size * unit,
            depth=0.3 + 0.7 * depth,
            strength=dice.uniform(*kind.strength),
            phase=dice.uniform(0, 2 * math.pi),
            rate=dice.uniform(0.5, 1.4),
        )

    def _draw(
        self, canvas: Canvas, mote: _Mote, time: float, camera: float, strength: float
    ) -> None:
        kind, stage = self._kind, self._stage
        margin = stage.unit * 6
        turn = mote.phase + mote.rate * time
        x = mote.x + mote.dx * time + kind.sway * stage.unit * math.sin(turn)
        y = mote.y + mote.dy * time + kind.sway * 0.5 * stage.unit * math.sin(turn * 1.7)
        x -= mote.depth * camera * (0.2 if kind.shape == "bird" else 1.0)
        x = (x + margin) % (stage.width + 2 * margin) - margin
        band = (kind.bottom - kind.top) * stage.height
        y = (
            kind.top * stage.height
            + (y * (kind.bottom - kind.top) + margin) % (band + 2 * margin)
            - margin
        )
        light = 1 - kind.pulse * (0.5 + 0.5 * math.sin(turn * 2.3))
        level = round(mote.strength * light * strength * _LEVELS)
        if level > 0:
            self._stamp(canvas, mote, (x, y), level, int(turn * 3.5))

    def _stamp(
        self, canvas: Canvas, mote: _Mote, place: tuple[float, float], level: int, pose: int
    ) -> None:
        """Lay one mote on the frame, placed to half a pixel."""
        left, top = 2 * math.floor(place[0] / 2), 2 * math.floor(place[1] / 2)
        step_x = int((place[0] - left) / 2 * _STEPS)
        step_y = int((place[1] - top) / 2 * _STEPS)
        size = max(1, round(mote.size * 4))
        posed = self._kind.shape in ("leaf", "bird")
        key = (size, step_x, step_y, level, pose % 4 if posed else 0)
        if key not in self._masks:
            self._masks[key] = self._mask(size / 4, step_x * 2 / _STEPS, step_y * 2 / _STEPS, key)
        fine, coarse = self._masks[key]
        left -= fine.width // 2
        top -= fine.height // 2
        canvas.y.paste(self._colour[0], (left, top), fine)
        canvas.u.paste(self._colour[1], (left // 2, top // 2), coarse)
        canvas.v.paste(self._colour[2], (left // 2, top // 2), coarse)

    def _mask(
        self, size: float, dx: float, dy: float, key: tuple[int, ...]
    ) -> tuple[Image.Image, Image.Image]:
        wide, high = _REACHES.get(self._kind.shape, (2.4, 2.4))
        reach_x = (int(size * wide) + 4) // 2 * 2
        reach_y = (int(size * high) + 4) // 2 * 2
        ys = np.arange(-reach_y, reach_y, dtype=np.float32)[:, None] - np.float32(dy)
        xs = np.arange(-reach_x, reach_x, dtype=np.float32)[None, :] - np.float32(dx)
        light = _SHAPES[self._kind.shape](
            xs / np.float32(size), ys / np.float32(size), size, key[4]
        )
        grey = np.clip(light * (255 * key[3] / _LEVELS), 0, 255).astype(np.uint8)
        fine = Image.fromarray(grey)
        return fine, fine.reduce(2)


def _dot(xs: Floats, ys: Floats, _size: float, _pose: int) -> Floats:
    light: Floats = np.exp(-(xs * xs + ys * ys) * np.float32(1.5))
    return light


def _glow(xs: Floats, ys: Floats, _size: float, _pose: int) -> Floats:
    squared = xs * xs + ys * ys
    light: Floats = 0.42 * np.exp(-squared * 1.1) + np.exp(-squared * 14)
    return light


def _streak(xs: Floats, ys: Floats, size: float, _pose: int) -> Floats:
    across = (xs + ys * np.float32(0.117)) * np.float32(size)
    light: Floats = np.exp(-across * across * 0.9) * np.clip(1 - np.abs(ys), 0, 1)
    return light


def _leaf(xs: Floats, ys: Floats, size: float, pose: int) -> Floats:
    angle = pose * math.pi / 4 + 0.4
    along = xs * np.float32(math.cos(angle)) + ys * np.float32(math.sin(angle))
    across = ys * np.float32(math.cos(angle)) - xs * np.float32(math.sin(angle))
    light: Floats = np.clip((1 - np.sqrt(along**2 + (across * 1.9) ** 2)) * size + 0.5, 0, 1)
    return light


def _bird(xs: Floats, ys: Floats, size: float, pose: int) -> Floats:
    lift = (0.55, 0.2, -0.25, 0.2)[pose]
    away = np.abs(xs)
    wing = -lift * np.sin(np.clip(away, 0, 1.5) * np.float32(1.6)) + 0.12 * away
    thick = np.float32(0.16) * (1 - away / 1.6)
    inside = (thick - np.abs(ys - wing)) * np.float32(size) + 0.4
    light: Floats = np.clip(inside, 0, 1) * (away < 1.5)
    return light


# How far a shape reaches sideways and up, in sizes.
_REACHES: Final = {"streak": (0.15, 1.0), "bird": (1.6, 1.2), "leaf": (1.1, 1.1)}
_SHAPES: Final = {"dot": _dot, "glow": _glow, "streak": _streak, "leaf": _leaf, "bird": _bird}
