"""The price of an exact request: duration × the rate in force."""

from dataclasses import dataclass
from datetime import datetime

from billing.errors import NoRate
from billing.models import Rate
from platform_site.db.catalogue import Catalogue, catalogue


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


def quote(
    *,
    model: str,
    resolution: str,
    audio: bool,
    seconds: int,
    at: datetime,
    known: Catalogue | None = None,
) -> Quote:
    """Price `seconds` of film under the rate in force at the moment `at`, as the catalogue `known`
    says, or the present one.

    Raises `NoRate` when no rate matches: what has no price cannot be submitted (P20).
    """
    rates = _rates_of(model, known or catalogue())
    rate = next(
        (
            one
            for one in rates
            if (one.resolution, one.audio) == (resolution, audio) and one.effective_from <= at
        ),
        None,
    )
    if rate is None:
        sound = "with audio" if audio else "without audio"
        raise NoRate(f"'{model}' has no price for {resolution} {sound}.", field="model")
    return Quote(rate_id=rate.pk, credits_per_second=rate.credits_per_second, seconds=seconds)


def rates_in_force(*, model: str, at: datetime) -> dict[tuple[str, bool], int]:
    """Return {(resolution, audio): credits a second} for `model` at the moment `at`."""
    rates = [one for one in _rates_of(model, catalogue()) if one.effective_from <= at]
    return {(rate.resolution, rate.audio): rate.credits_per_second for rate in reversed(rates)}


def _rates_of(model: str, known: Catalogue) -> list[Rate]:
    """Return every price of a model, the latest first, whether in force or not."""
    return known.recall(
        ("rates", model),
        lambda: list(Rate.objects.filter(model=model).order_by("-effective_from")),
    )
