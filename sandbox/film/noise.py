"""Random shapes: lines, fields and dice that are the same for the same seed."""

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Painters work in float32; where a formula widens an array, nothing is lost but time.
Floats = NDArray[np.floating[Any]]


def rng_of(dice: random.Random) -> np.random.Generator:
    """Return a generator of arrays that follows from the dice."""
    return np.random.default_rng(dice.getrandbits(64))


def smooth(position: Floats) -> Floats:
    """Ease 0 to 1, clipped, with flat ends."""
    clipped = np.clip(position, 0, 1)
    eased: Floats = clipped * clipped * (3 - 2 * clipped)
    return eased


def line(
    dice: random.Random, length: int, *, bumps: float, octaves: int, roughness: float = 0.5
) -> Floats:
    """Return a 1-D landscape between about -1 and 1: `bumps` hills over its length at first."""
    rng = rng_of(dice)
    total = np.zeros(length, np.float32)
    weight = 1.0
    for octave in range(octaves):
        knots = int(bumps * 2**octave) + 4
        if knots > length:
            break
        values = rng.uniform(-1, 1, knots).astype(np.float32)
        total += np.float32(weight) * _curve(values, length)
        weight *= roughness
    return total


def _curve(values: Floats, length: int) -> Floats:
    """Draw a smooth curve through `values`, spread over `length` samples."""
    position = np.linspace(0, len(values) - 1.001, length, dtype=np.float32)
    left = position.astype(np.int32)
    eased = smooth(position - left)
    curve: Floats = values[left] * (1 - eased) + values[left + 1] * eased
    return curve


def field(
    dice: random.Random, shape: tuple[int, int], *, cells: float, octaves: int, stretch: float = 1.0
) -> Floats:
    """Return clouds of 0 to 1 in (height, width): `cells` lumps over the height at first.

    `stretch` draws the lumps out sideways.
    """
    rng = rng_of(dice)
    height, width = shape
    total = np.zeros(shape, np.float32)
    weight, weights = 1.0, 0.0
    for octave in range(octaves):
        rows = int(cells * 2**octave) + 2
        columns = int(cells * 2**octave * width / height / stretch) + 2
        grid = Image.fromarray(rng.random((rows, columns)).astype(np.float32))
        big = grid.resize((width, height), Image.Resampling.BICUBIC)
        total += np.float32(weight) * np.asarray(big, np.float32)
        weights += weight
        weight *= 0.5
    return total / np.float32(weights)


def dither(dice: random.Random, shape: tuple[int, ...]) -> Floats:
    """Return noise of less than one grey step, which keeps wide gradients from banding."""
    return rng_of(dice).uniform(-0.9, 0.9, shape).astype(np.float32)
