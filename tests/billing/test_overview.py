"""The sums over all teams that administrators see."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Team
from billing.ledger import release_hold, settle_hold
from billing.overview import books_of_all, spent_by_day, teams_with_books, wallets_below_mark
from billing.selectors import Books, books_of
from billing.services.alerts import set_low_mark
from tests.factories import SYSTEM, make_hold, make_team

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)


def spend(team: Team, amount: int, *, at: datetime) -> None:
    """Hold credits and settle the hold at once."""
    hold = make_hold(team, amount, now=at)
    with transaction.atomic():
        assert settle_hold(hold_id=hold.pk, by=SYSTEM, reason="Made", now=at)


def test_without_any_team_all_sums_are_zero() -> None:
    assert books_of_all() == Books()
    assert list(teams_with_books()) == []
    assert list(wallets_below_mark()) == []


def test_p12_the_sums_of_all_teams_are_the_sums_of_each() -> None:
    first, second = make_team(credits=500), make_team(credits=70)
    spend(first, 120, at=NOON)
    make_hold(first, 50)
    make_hold(second, 70)
    assert books_of_all() == Books(granted=570, available=330, held=120, spent=120)
    assert books_of(first) == Books(granted=500, available=330, held=50, spent=120)


def test_every_team_is_listed_with_its_books_in_one_query() -> None:
    rich, empty = make_team(credits=500), make_team()
    spend(rich, 120, at=NOON)
    make_hold(rich, 50)
    with CaptureQueriesContext(connection) as queries:
        rows: dict[int, Any] = {row.pk: row for row in teams_with_books()}
    assert len(queries) == 1
    found = {pk: (row.available, row.held, row.spent) for pk, row in rows.items()}
    assert found == {rich.pk: (330, 50, 120), empty.pk: (0, 0, 0)}


def test_wallets_below_their_mark_come_emptiest_first() -> None:
    teams = [make_team(credits=credits) for credits in (300, 100, 200, 400)]
    for team in teams:
        set_low_mark(team=team, credits=300, by=SYSTEM)
    make_hold(teams[3], 350)
    make_team()  # was never granted anything
    low = list(wallets_below_mark())
    assert [wallet.team for wallet in low] == [teams[3], teams[1], teams[2]]
    assert [wallet.balance for wallet in low] == [50, 100, 200]


def test_a_team_that_wants_no_mark_is_never_below_it() -> None:
    team = make_team(credits=10)
    set_low_mark(team=team, credits=0, by=SYSTEM)
    make_hold(team, 10)
    assert list(wallets_below_mark()) == []


def test_each_day_has_what_was_settled_on_it_and_quiet_days_have_none() -> None:
    team, other = make_team(credits=1000), make_team(credits=1000)
    spend(team, 1, at=NOON - timedelta(days=3))  # before the first day
    spend(team, 70, at=NOON - timedelta(days=2))
    spend(other, 30, at=NOON - timedelta(days=2, hours=12))
    spend(team, 12, at=NOON)
    make_hold(team, 5, now=NOON)
    released = make_hold(team, 6, now=NOON)
    with transaction.atomic():
        release_hold(hold_id=released.pk, by=SYSTEM, reason="Failed", now=NOON)
    days = spent_by_day(days=3, now=NOON)
    assert [(start.day, start.hour, credits) for start, credits in days] == [
        (4, 0, 100),
        (5, 0, 0),
        (6, 0, 12),
    ]


def test_p07_days_are_those_of_the_sites_zone_whatever_its_clocks_do(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    team = make_team(credits=1000)
    for text, credits in [
        ("2026-03-28T22:59:59", 1),  # still Saturday there
        ("2026-03-28T23:00:00", 20),  # Sunday, of 23 hours
        ("2026-03-29T21:59:59", 300),
        ("2026-03-29T22:00:00", 4),  # Monday
    ]:
        spend(team, credits, at=datetime.fromisoformat(text).replace(tzinfo=UTC))
    monday = datetime(2026, 3, 30, 10, tzinfo=UTC)
    with timezone.override("Pacific/Apia"):  # whose page it is does not matter
        days = spent_by_day(days=3, now=monday)
    assert [(start.day, credits) for start, credits in days] == [(28, 1), (29, 320), (30, 4)]
    assert [start.strftime("%H:%M") for start, _ in days] == ["00:00"] * 3
