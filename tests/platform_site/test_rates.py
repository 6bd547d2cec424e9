"""Rates a minute, counted by each process (F17)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from platform_site.rates import Rate, forget_rates

NOON = datetime(2026, 5, 4, 12, 0, 59, tzinfo=UTC)


def test_f17_each_has_a_minute_of_their_own() -> None:
    rate = Rate(2)
    assert [rate.take("a", now=NOON) for _ in range(3)] == [True, True, False]
    assert not rate.has_room("a", now=NOON)
    assert rate.take("b", now=NOON)
    assert rate.take("a", now=NOON + timedelta(seconds=1))
    forget_rates()
    assert rate.take("a", now=NOON)


def test_f17_threads_count_together() -> None:
    rate = Rate(100)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: rate.take("a", now=NOON), range(400))) == 100


def test_f17_strangers_without_number_take_no_memory_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform_site.rates._MOST_COUNTED", 10)
    rate = Rate(5)
    taken = [rate.take(number, now=NOON) for number in range(30)]
    assert taken == [True] * 15 + [False] * 15
    assert len(rate._counts) == 11
    assert rate.take(3, now=NOON)
