"""`schedule_rate` and `withdraw_rate`: prices as data."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import AuditEvent, Team
from billing.errors import NoRate
from billing.models import Rate
from billing.pricing import quote
from billing.services.rates import schedule_rate, withdraw_rate
from platform_site.errors import Conflict, InvalidRequest
from tests.factories import SYSTEM, make_hold
from tests.support.api import MODEL

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
JULY = datetime(2026, 7, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def schedule(**changes: Any) -> Rate:
    """Schedule a dearer 720p with audio for July, but for `changes`."""
    rate: dict[str, Any] = {
        "model": MODEL,
        "resolution": "720p",
        "audio": True,
        "credits_per_second": 20,
        "effective_from": JULY,
        "by": SYSTEM,
        "now": NOW,
    }
    return schedule_rate(**{**rate, **changes})


def price_at(at: datetime, *, resolution: str = "720p", audio: bool = True) -> int:
    """Return the price of five seconds, in credits."""
    return quote(model=MODEL, resolution=resolution, audio=audio, seconds=5, at=at).credits


def test_a_scheduled_rate_counts_from_its_very_moment_on() -> None:
    schedule()
    assert [price_at(JULY - TICK), price_at(JULY), price_at(JULY + TICK)] == [70, 100, 100]
    assert price_at(JULY, audio=False) == 35


def test_scheduling_is_audited() -> None:
    rate = schedule()
    event = AuditEvent.objects.get(action="rate.scheduled")
    assert event.actor == SYSTEM.name
    assert (event.subject_kind, event.subject_id) == ("rate", str(rate.pk))
    assert event.data == {
        "model": MODEL,
        "resolution": "720p",
        "audio": True,
        "credits_per_second": 20,
        "effective_from": "2026-07-01T00:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("credits_per_second", 0),
        ("credits_per_second", -1),
        ("credits_per_second", 1.5),
        ("credits_per_second", True),
        ("credits_per_second", 10**9),
        ("effective_from", datetime(2026, 7, 1)),  # noqa: DTZ001  # that is the point
        ("model", " "),
        ("model", "m" * 81),
        ("resolution", ""),
        ("resolution", "r" * 11),
    ],
)
def test_a_rate_that_cannot_be_one_is_refused_by_field(field: str, value: object) -> None:
    before = Rate.objects.count()
    with pytest.raises(InvalidRequest) as caught:
        schedule(**{field: value})
    assert caught.value.field == field
    assert Rate.objects.count() == before


def test_p18_a_past_moment_is_refused_once_something_was_admitted_since(team: Team) -> None:
    make_hold(team, now=NOW - timedelta(hours=1))
    with pytest.raises(InvalidRequest) as caught:
        schedule(effective_from=NOW - timedelta(hours=1))
    assert caught.value.field == "effective_from"
    assert schedule(effective_from=NOW - timedelta(hours=1) + TICK).pk


def test_a_rate_may_begin_at_once_when_nothing_was_admitted_since(team: Team) -> None:
    make_hold(team, now=NOW - TICK)
    schedule(effective_from=NOW)
    assert [price_at(NOW - TICK), price_at(NOW)] == [70, 100]


def test_what_had_no_price_may_have_one_from_any_moment_on(team: Team) -> None:
    make_hold(team, now=NOW)
    schedule(resolution="4k", effective_from=NOW - timedelta(days=1))
    assert price_at(NOW, resolution="4k") == 100


def test_a_second_price_from_the_same_moment_is_refused() -> None:
    schedule()
    with pytest.raises(Conflict) as caught:
        schedule(credits_per_second=30)
    assert caught.value.field == "effective_from"
    assert price_at(JULY) == 100


def test_p20_a_model_with_some_resolutions_unpriced_refuses_those_only() -> None:
    Rate.objects.filter(model=MODEL, resolution="1080p", audio=True).delete()
    with pytest.raises(NoRate) as caught:
        price_at(NOW, resolution="1080p")
    assert (caught.value.status, caught.value.code, caught.value.field) == (
        404,
        "model_not_found",
        "model",
    )
    assert price_at(NOW, resolution="1080p", audio=False) == 75
    assert price_at(NOW) == 70


def test_p20_a_price_of_the_future_prices_nothing_yet() -> None:
    schedule(resolution="4k")
    with pytest.raises(NoRate):
        price_at(JULY - TICK, resolution="4k")
    assert price_at(JULY, resolution="4k") == 100


def test_a_rate_that_is_not_in_force_can_be_withdrawn() -> None:
    rate = schedule()
    withdraw_rate(rate=rate, by=SYSTEM, now=JULY - TICK)
    assert price_at(JULY) == 70
    assert AuditEvent.objects.get(action="rate.withdrawn").data["credits_per_second"] == 20


def test_a_rate_in_force_stays() -> None:
    rate = schedule()
    with pytest.raises(Conflict) as caught:
        withdraw_rate(rate=rate, by=SYSTEM, now=JULY)
    assert caught.value.field == "effective_from"
    assert price_at(JULY) == 100
    assert not AuditEvent.objects.filter(action="rate.withdrawn").exists()


def test_withdrawing_twice_is_refused() -> None:
    rate = schedule()
    earlier = Rate.objects.get(pk=rate.pk)
    withdraw_rate(rate=rate, by=SYSTEM, now=NOW)
    with pytest.raises(Conflict):
        withdraw_rate(rate=earlier, by=SYSTEM, now=NOW)
