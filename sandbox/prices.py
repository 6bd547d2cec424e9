"""What a film costs: the price table of the vendor's page."""

from typing import Final

# Credits a second: (silent, with audio).
_RATES: Final = {"480p": (3, 7), "720p": (7, 14), "1080p": (15, 30)}


def price_of(*, resolution: str, duration: int, audio: bool) -> int:
    """Return the credits of `duration` seconds at `resolution`."""
    return _RATES[resolution][audio] * duration
