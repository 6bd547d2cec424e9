"""`quote` and `rates_in_force`: the price of an exact request."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing.errors import NoRate
from billing.models import Rate
from billing.pricing import Quote, quote, rates_in_force
from tests.factories import make_request, make_team
from tests.support.api import MODEL

pytestmark = pytest.mark.django_db

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def priced(resolution: str = "720p", *, audio: bool = True, seconds: int = 5, at: datetime) -> int:
    """Return the price in credits."""
    return quote(model=MODEL, resolution=resolution, audio=audio, seconds=seconds, at=at).credits


@pytest.mark.parametrize(
    ("resolution", "seconds", "audio", "credits"),
    [
        ("720p", 5, True, 70),
        ("1080p", 8, False, 120),
        ("480p", 12, True, 84),
        ("480p", 4, False, 12),
        ("1080p", 12, True, 360),
    ],
)
def test_the_vendors_price_vectors_hold(
    resolution: str, seconds: int, audio: bool, credits: int
) -> None:
    assert priced(resolution, seconds=seconds, audio=audio, at=timezone.now()) == credits


def test_a_prompt_alone_costs_what_the_vendors_defaults_cost() -> None:
    request = make_request(make_team())
    price = priced(
        request.resolution,
        audio=request.generate_audio,
        seconds=request.duration,
        at=timezone.now(),
    )
    assert price == 70


def test_a_new_rate_counts_from_its_moment_on_and_not_before() -> None:
    Rate.objects.create(
        model=MODEL, resolution="720p", audio=True, credits_per_second=20, effective_from=JUNE
    )
    assert priced(at=JUNE - timedelta(microseconds=1)) == 70
    assert priced(at=JUNE) == 100
    assert priced(audio=False, at=JUNE) == 35


def test_rates_in_force_are_the_newest_that_have_begun() -> None:
    Rate.objects.create(
        model=MODEL, resolution="720p", audio=True, credits_per_second=20, effective_from=JUNE
    )
    before = rates_in_force(model=MODEL, at=JUNE - timedelta(seconds=1))
    assert before == {
        ("480p", False): 3,
        ("480p", True): 7,
        ("720p", False): 7,
        ("720p", True): 14,
        ("1080p", False): 15,
        ("1080p", True): 30,
    }
    assert rates_in_force(model=MODEL, at=JUNE) == {**before, ("720p", True): 20}


def test_p18_a_quote_keeps_its_price_when_the_rate_changes() -> None:
    earlier = quote(model=MODEL, resolution="720p", audio=True, seconds=5, at=timezone.now())
    Rate.objects.create(
        model=MODEL,
        resolution="720p",
        audio=True,
        credits_per_second=99,
        effective_from=timezone.now(),
    )
    assert earlier == Quote(earlier.rate_id, credits_per_second=14, seconds=5)


@pytest.mark.parametrize(
    ("model", "resolution", "at"),
    [
        ("doubao-seedance-2.0", "720p", JUNE),
        (MODEL, "4k", JUNE),
        (MODEL, "720p", datetime(2019, 12, 31, tzinfo=UTC)),
    ],
)
def test_p20_what_has_no_price_is_refused(model: str, resolution: str, at: datetime) -> None:
    with pytest.raises(NoRate) as caught:
        quote(model=model, resolution=resolution, audio=True, seconds=5, at=at)
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")


@pytest.mark.parametrize("credits", [0, -7])
def test_the_database_refuses_a_rate_that_is_not_positive(credits: int) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Rate.objects.bulk_create(
            [
                Rate(
                    model=MODEL,
                    resolution="720p",
                    audio=True,
                    credits_per_second=credits,
                    effective_from=JUNE,
                )
            ]
        )
