"""The price of an exact request: duration × the rate in force."""

from dataclasses import dataclass
from datetime import datetime

from billing.errors import NoRate
from billing.models import Rate


@dataclass(frozen=True, slots=True)
class Quote:
    """A price and how it came about; frozen on whatever is admitted under it (P18)."""

    rate_id: int
    credits_per_second: int
    seconds: int

    @property
    def credits(self) -> int:
        """Return the total, in whole credits."""
        return self.credits_per_second * self.seconds


def quote(*, model: str, resolution: str, audio: bool, seconds: int, at: datetime) -> Quote:
    """Price `seconds` of film under the rate in force at the moment `at`.

    Raises `NoRate` when no rate matches: what has no price cannot be submitted (P20).
    """
    rate = (
        Rate.objects.filter(model=model, resolution=resolution, audio=audio, effective_from__lte=at)
        .order_by("-effective_from")
        .first()
    )
    if rate is None:
        sound = "with audio" if audio else "without audio"
        raise NoRate(f"'{model}' has no price for {resolution} {sound}.", field="model")
    return Quote(rate_id=rate.pk, credits_per_second=rate.credits_per_second, seconds=seconds)


def rates_in_force(*, model: str, at: datetime) -> dict[tuple[str, bool], int]:
    """Return {(resolution, audio): credits a second} for `model` at the moment `at`."""
    rows = Rate.objects.filter(model=model, effective_from__lte=at).order_by("effective_from")
    return {(rate.resolution, rate.audio): rate.credits_per_second for rate in rows}
