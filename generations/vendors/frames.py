"""What a vendor takes as the first or last frame of a film."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """The images that are taken; each range is (least, most), both of them allowed.

    `media_types` are like "image/png"; `side` counts pixels, of width and of height; `aspect` is
    width ÷ height.
    """

    media_types: tuple[str, ...]
    max_bytes: int
    side: tuple[int, int]
    aspect: tuple[float, float]

    @property
    def admit_any(self) -> bool:
        """Return whether there is an image that is taken at all."""
        ranges = (self.side, self.aspect)
        return bool(self.media_types) and all(least <= most for least, most in ranges)


def narrowest(limits: Iterable[FrameLimits]) -> FrameLimits:
    """Return the limits of the images that all of these vendors take, of which there is at least
    one. They may have nothing in common: see `FrameLimits.admit_any`.
    """
    every = list(limits)
    return FrameLimits(
        media_types=tuple(
            one for one in every[0].media_types if all(one in each.media_types for each in every)
        ),
        max_bytes=min(each.max_bytes for each in every),
        side=(max(each.side[0] for each in every), min(each.side[1] for each in every)),
        aspect=(max(each.aspect[0] for each in every), min(each.aspect[1] for each in every)),
    )
