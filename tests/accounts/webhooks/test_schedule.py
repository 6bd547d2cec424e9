"""When a webhook is tried again, worked out without a clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.webhooks.schedule import (
    HOST_BACKOFF,
    RETRIES,
    SERIES,
    next_attempt,
    requested_wait,
)
from platform_site.backoff import JITTER

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
SHARE = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(st.lists(SHARE, min_size=len(RETRIES) + 1, max_size=len(RETRIES) + 1))
def test_the_last_try_lies_within_a_day_of_the_first(jitter: list[float]) -> None:
    now, attempts = NOW, 0
    while True:
        attempts += 1
        now += timedelta(seconds=10)  # each try may take its whole timeout
        at = next_attempt(attempts=attempts, since=NOW, now=now, jitter=jitter[attempts - 1])
        if at is None:
            break
        wait = RETRIES[attempts - 1]
        assert timedelta(seconds=wait) <= at - now <= timedelta(seconds=wait * (1 + JITTER))
        now = at
    assert attempts == len(RETRIES) + 1
    assert timedelta(hours=20) < now - NOW < DAY


def test_what_failed_together_does_not_return_together() -> None:
    times = {
        next_attempt(attempts=3, since=NOW, now=NOW, jitter=number / 1000) for number in range(1000)
    }
    assert len(times) == 1000


@given(SHARE, st.integers(1, 20), st.integers(-100_000, 10**9))
def test_no_receiver_asks_for_less_than_the_schedule_or_for_more_than_a_day(
    jitter: float, attempts: int, asked: int
) -> None:
    plain = next_attempt(attempts=attempts, since=NOW, now=NOW, jitter=jitter)
    at = next_attempt(
        attempts=attempts, since=NOW, now=NOW, jitter=jitter, asked=timedelta(seconds=asked)
    )
    assert (at is None) == (plain is None)
    if at is not None and plain is not None:
        assert plain <= at <= NOW + SERIES


def test_a_series_that_is_over_has_no_next_try() -> None:
    late = NOW + SERIES
    assert next_attempt(attempts=1, since=NOW, now=late, jitter=0) is None
    assert next_attempt(attempts=1, since=NOW, now=late - timedelta(seconds=5), jitter=0) == late
    assert next_attempt(attempts=len(RETRIES) + 1, since=NOW, now=NOW, jitter=0) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("9" * 400, SERIES.total_seconds()),
        ("Sun, 01 Mar 2026 12:05:00 GMT", 300),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Sun, 01 Mar 2026 12:05:00 -0000", 300),
        ("Fri, 31 Dec 9999 23:59:59 GMT", SERIES.total_seconds()),
    ],
)
def test_seconds_and_dates_are_read(header: str, seconds: float) -> None:
    asked = requested_wait(header, now=NOW)
    assert asked is not None
    assert asked.total_seconds() == seconds


@pytest.mark.parametrize("header", ["", "soon", "-5", "1.5", "１２０", "Mon, 99 Foo", "\0", "1e9"])
def test_other_words_ask_for_nothing(header: str) -> None:
    assert requested_wait(header, now=NOW) is None


@given(st.text())
def test_no_header_breaks_the_reading(header: str) -> None:
    asked = requested_wait(header, now=NOW)
    assert asked is None or timedelta() <= asked <= SERIES


def test_rests_double_and_end_at_ten_minutes() -> None:
    rests = [HOST_BACKOFF.after(hangs).total_seconds() for hangs in range(1, 9)]
    assert rests == [15, 30, 60, 120, 240, 480, 600, 600]
    assert HOST_BACKOFF.after(10**6).total_seconds() == 600
