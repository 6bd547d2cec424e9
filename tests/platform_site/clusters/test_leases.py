"""Leases: one holder at a time, and a dead one loses its right by time alone."""

from datetime import UTC, datetime, timedelta

import pytest

from platform_site.clusters.leases import acquire, release
from tests.support.races import race

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LIFE = timedelta(seconds=30)


def take(holder: str, *, seconds: int = 0) -> bool:
    """Try to take the sweep's lease some seconds later."""
    return acquire("sweep", holder, now=NOW + timedelta(seconds=seconds), life=LIFE)


@pytest.mark.django_db
class TestLease:
    def test_one_holds_it_until_its_time_is_over(self) -> None:
        assert take("a")
        assert not take("b")
        assert not take("b", seconds=29)
        assert take("b", seconds=30)
        assert not take("a", seconds=31)

    def test_its_holder_renews_it(self) -> None:
        assert take("a")
        assert take("a", seconds=20)
        assert not take("b", seconds=40)
        assert take("b", seconds=50)

    def test_given_back_it_is_free_at_once(self) -> None:
        assert take("a")
        release("sweep", "b", now=NOW)  # not b's to give
        assert not take("b")
        release("sweep", "a", now=NOW)
        assert take("b")

    def test_each_loop_has_its_own(self) -> None:
        assert take("a")
        assert acquire("clean up", "b", now=NOW, life=LIFE)


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seconds", [0, 60])
def test_of_twenty_who_reach_for_it_one_gets_it(seconds: int) -> None:
    if seconds:
        assert take("dead")
    results = race(20, lambda number: take(f"h{number}", seconds=seconds))
    assert sorted(results, key=repr) == [False] * 19 + [True]
