"""What every painter of a place is given: the frame's measures, the mood and the dice."""

import random
from dataclasses import dataclass

import numpy as np

from sandbox.film.noise import Floats
from sandbox.film.palette import Palette
from sandbox.film.story import Story


@dataclass(frozen=True, slots=True)
class Stage:
    """Hold the measures in pixels; `travel` is how far the nearest plate moves at most."""

    width: int
    height: int
    travel: int
    seconds: int
    palette: Palette
    story: Story
    dice: random.Random

    @property
    def unit(self) -> float:
        """Return a length that looks alike in every shape of frame."""
        return float(np.sqrt(self.width * self.height)) / 100

    def plate_width(self, depth: float, drift: float = 0.0) -> int:
        """Return the width of a plate that never runs out of sight, an even number."""
        wanted = self.width + depth * self.travel + abs(drift) * self.seconds + 8
        return int(wanted / 2) * 2 + 2

    def rows(self, top: float, height: float) -> Floats:
        """Return the frame's heights (0 top to 1 bottom) of plate rows, as a column."""
        ys = np.arange(int(height), dtype=np.float32) + np.float32(top)
        column: Floats = (ys / np.float32(self.height))[:, None]
        return column


def even(value: float) -> int:
    """Return the even number at or below `value`."""
    return int(value) // 2 * 2
