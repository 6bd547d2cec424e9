"""What a renderer needs to know about one film."""

import random
from dataclasses import dataclass
from pathlib import Path

from sandbox.film.sizes import FRAMES_PER_SECOND, size_of


@dataclass(frozen=True, slots=True)
class Brief:
    """Hold all that a film depends on: the same brief makes the same bytes."""

    prompt: str
    ratio: str
    resolution: str
    duration: int
    audio: bool
    watermark: bool
    camera_fixed: bool
    seed: int
    images: tuple[Path, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) in pixels."""
        return size_of(self.resolution, self.ratio)

    @property
    def frames(self) -> int:
        """Return the number of frames, exactly."""
        return self.duration * FRAMES_PER_SECOND

    def random(self, subject: str) -> random.Random:
        """Return a generator of its own for one subject, the same on every machine."""
        return random.Random(f"{self.seed}/{subject}")  # noqa: S311
