"""Plates that slide past each other: the parallax of a film.

A plate is painted once, wider than the frame. Each frame pastes the part in view, plane by plane,
in Pillow's C code. Slow plates would jump from pixel to pixel, so each is kept at four positions
between two pixels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sandbox.film.colour import planes_of_array
from sandbox.film.encode import Planes
from sandbox.film.noise import Floats

PHASES: Final = 4
# Sharper than a straight line between two pixels: Catmull-Rom weights for each phase.
_TAPS: Final = tuple(
    (
        -0.5 * t**3 + t**2 - 0.5 * t,
        1.5 * t**3 - 2.5 * t**2 + 1,
        -1.5 * t**3 + 2 * t**2 + 0.5 * t,
        0.5 * t**3 - 0.5 * t**2,
    )
    for t in (phase / PHASES for phase in range(PHASES))
)


class Canvas:
    """Hold the three planes of the frame being composed."""

    def __init__(self, size: tuple[int, int]) -> None:
        """Make room for a frame of `size` (width, height)."""
        width, height = size
        self.size = size
        self.y = Image.new("L", size, 16)
        self.u = Image.new("L", (width // 2, height // 2), 128)
        self.v = Image.new("L", (width // 2, height // 2), 128)

    def planes(self) -> Planes:
        """Return the frame as arrays."""
        return np.asarray(self.y), np.asarray(self.u), np.asarray(self.v)


@dataclass(slots=True)
class _Plane:
    """Hold one plane of a plate at every phase, with its mask; None where it is solid."""

    pictures: list[Image.Image]
    masks: list[Image.Image] | None
    solid_from: int

    def paste(self, canvas: Image.Image, top: int, shift: float) -> None:
        whole = int(shift)
        phase = int((shift - whole) * PHASES)
        width, height = canvas.width, self.pictures[0].height
        picture = self.pictures[phase]
        if self.masks is not None and self.solid_from > 0:
            box = (whole, 0, whole + width, self.solid_from)
            canvas.paste(picture.crop(box), (0, top), self.masks[phase].crop(box))
        if self.solid_from < height:
            box = (whole, self.solid_from, whole + width, height)
            canvas.paste(picture.crop(box), (0, top + self.solid_from))


class Layer:
    """Hold one plate; `depth` 0 stands still and 1 moves by the camera's whole travel.

    `drift` moves it on its own, in pixels a second to the left, with what the wind carries.
    """

    def __init__(
        self, rgb: Floats, alpha: Floats | None, *, top: int, depth: float, drift: float = 0.0
    ) -> None:
        """Take (height, width, 3) of 0 to 255 and alpha of 0 to 1; sides and `top` are even."""
        self.top = top
        self.depth = depth
        self.drift = drift
        planes = planes_of_array(np.clip(rgb, 0, 255))
        masks: tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None] = (None, None)
        if alpha is not None:
            fine = np.clip(alpha * 255 + 0.5, 0, 255).astype(np.uint8)
            masks = (fine, _halved(fine))
        self._y = _plane_of(planes[0], masks[0])
        self._u = _plane_of(planes[1], masks[1])
        self._v = _plane_of(planes[2], masks[1])

    def paste(self, canvas: Canvas, shift: float) -> None:
        """Draw the part that begins `shift` pixels from the plate's left edge."""
        self._y.paste(canvas.y, self.top, shift)
        self._u.paste(canvas.u, self.top // 2, shift / 2)
        self._v.paste(canvas.v, self.top // 2, shift / 2)


def _plane_of(values: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> _Plane:
    solid_from = 0
    masks = None
    if mask is not None:
        open_rows = np.flatnonzero(mask.min(axis=1) < 255)
        solid_from = int(open_rows[-1]) + 1 if len(open_rows) else 0
        masks = _phases_of(mask[:solid_from]) if solid_from else None
    return _Plane(_phases_of(values), masks, solid_from)


def _phases_of(values: NDArray[np.uint8]) -> list[Image.Image]:
    """Return the plane as seen from each position between two pixels."""
    padded = np.pad(values, ((0, 0), (1, 2)), mode="edge").astype(np.float32)
    width = values.shape[1]
    images = [Image.fromarray(values)]
    for taps in _TAPS[1:]:
        moved = sum(np.float32(tap) * padded[:, i : i + width] for i, tap in enumerate(taps))
        images.append(Image.fromarray(np.clip(moved + 0.5, 0, 255).astype(np.uint8)))
    return images


def _halved(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    wide = mask.astype(np.uint16)
    total = wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2]
    return ((total + 2) // 4).astype(np.uint8)
