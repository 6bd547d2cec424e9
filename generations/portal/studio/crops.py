"""The shape of a frame against that of the film: the nearest ratio, and what a film cuts off."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

_RATIO = re.compile(r"([1-9][0-9]{0,2}):([1-9][0-9]{0,2})\Z")
_HARDLY = 0.02  # of a frame: what nobody sees


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of an image, in pixels, that a film of another shape has room for."""

    image_width: int
    image_height: int
    width: int
    height: int

    @property
    def left(self) -> int:
        """Return how far from the left edge the part begins."""
        return (self.image_width - self.width) // 2

    @property
    def top(self) -> int:
        """Return how far from the upper edge the part begins."""
        return (self.image_height - self.height) // 2

    @property
    def percent(self) -> int:
        """Return how much of the image lies outside."""
        whole = self.image_width * self.image_height
        return round(100 * (1 - self.width * self.height / whole))


def nearest_ratio(width: int, height: int, ratios: Iterable[str]) -> str:
    """Return the ratio of these that an image in pixels comes nearest to; "" if none is one."""
    shapes = {ratio: shape for ratio in ratios if (shape := _shape_of(ratio))}
    if not shapes:
        return ""
    return min(shapes, key=lambda ratio: abs(math.log(width / height / shapes[ratio])))


def crop_of(width: int, height: int, ratio: str) -> Crop | None:
    """Return what of an image in pixels a film of that ratio shows; None for as good as all, and
    for a ratio that is left to the vendor.
    """
    shape = _shape_of(ratio)
    if shape is None:
        return None
    crop = Crop(width, height, min(width, round(height * shape)), min(height, round(width / shape)))
    return crop if crop.width * crop.height < (1 - _HARDLY) * width * height else None


def _shape_of(ratio: str) -> float | None:
    """Return width ÷ height; None for what is no ratio."""
    found = _RATIO.match(ratio)
    return int(found[1]) / int(found[2]) if found else None
