"""`window_start` and `window_end`: where spend windows are cut, in the site's time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.windows import EPOCH, Window, window_end, window_start

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")  # +05:30
KATHMANDU = ZoneInfo("Asia/Kathmandu")  # +05:45
CAIRO = ZoneInfo("Africa/Cairo")  # its clocks go forward at midnight
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks change by half an hour
CARACAS = ZoneInfo("America/Caracas")  # its clocks went forward from 02:30 to 03:00 in 2016
HAVANA = ZoneInfo("America/Havana")  # its clocks go back from one to midnight


def utc(text: str) -> datetime:
    """Read an ISO time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bounds(window: str, now: str, zone: ZoneInfo) -> tuple[datetime, datetime | None]:
    """Return start and end of the window that holds `now` (UTC)."""
    start = window_start(window, utc(now), zone)
    return start, window_end(window, start, zone)


@pytest.mark.parametrize(
    ("window", "start", "end"),
    [
        ("hour", "2026-03-11T13:00", "2026-03-11T14:00"),
        ("day", "2026-03-11T00:00", "2026-03-12T00:00"),
        ("week", "2026-03-09T00:00", "2026-03-16T00:00"),
        ("month", "2026-03-01T00:00", "2026-04-01T00:00"),
    ],
)
def test_each_window_is_cut_where_people_expect(window: str, start: str, end: str) -> None:
    assert bounds(window, "2026-03-11T13:45:12", ZoneInfo("UTC")) == (utc(start), utc(end))


def test_a_total_began_at_the_epoch_and_never_ends() -> None:
    assert bounds("total", "2026-03-11T13:45", BERLIN) == (EPOCH, None)


def test_a_day_is_the_zones_day() -> None:
    expected = (utc("2026-01-14T23:00"), utc("2026-01-15T23:00"))
    assert bounds("day", "2026-01-14T23:00", BERLIN) == expected
    assert bounds("day", "2026-01-15T22:59:59", BERLIN) == expected


def test_p07_the_day_of_the_lost_hour_has_23_and_that_of_the_doubled_25() -> None:
    spring = bounds("day", "2026-03-29T12:00", BERLIN)
    assert spring == (utc("2026-03-28T23:00"), utc("2026-03-29T22:00"))
    autumn = bounds("day", "2026-10-25T12:00", BERLIN)
    assert autumn == (utc("2026-10-24T22:00"), utc("2026-10-25T23:00"))


def test_p07_the_doubled_hour_is_two_windows() -> None:
    first = bounds("hour", "2026-10-25T00:30", BERLIN)  # 02:30 summer time
    second = bounds("hour", "2026-10-25T01:30", BERLIN)  # 02:30 winter time
    assert first == (utc("2026-10-25T00:00"), utc("2026-10-25T01:00"))
    assert second == (utc("2026-10-25T01:00"), utc("2026-10-25T02:00"))


@pytest.mark.parametrize("window", ["week", "month"])
def test_p07_longer_windows_span_a_change_of_clocks(window: str) -> None:
    start, end = bounds(window, "2026-10-25T12:00", BERLIN)
    assert end is not None
    assert start.astimezone(BERLIN).strftime("%H:%M %z") == "00:00 +0200"
    assert end.astimezone(BERLIN).strftime("%H:%M %z") == "00:00 +0100"


def test_p07_half_hour_zones_start_at_their_own_full_hour() -> None:
    assert bounds("hour", "2026-05-01T10:45", KOLKATA)[0] == utc("2026-05-01T10:30")
    assert bounds("hour", "2026-05-01T10:10", KATHMANDU)[0] == utc("2026-05-01T09:15")
    assert bounds("day", "2026-05-01T18:30", KOLKATA)[0] == utc("2026-05-01T18:30")


@pytest.mark.parametrize(
    ("zone", "now", "start", "end"),
    [
        # Sunday, 5 April 2026: 01:59:59 was followed by 01:30.
        (LORD_HOWE, "2026-04-04T14:59:59", "2026-04-04T14:00", "2026-04-04T15:00"),
        (LORD_HOWE, "2026-04-04T15:00", "2026-04-04T15:00", "2026-04-04T15:30"),
        (LORD_HOWE, "2026-04-04T15:29:59", "2026-04-04T15:00", "2026-04-04T15:30"),
        # Sunday, 4 October 2026: 01:59:59 was followed by 02:30.
        (LORD_HOWE, "2026-10-03T15:29:59", "2026-10-03T14:30", "2026-10-03T15:30"),
        (LORD_HOWE, "2026-10-03T15:40", "2026-10-03T15:30", "2026-10-03T16:00"),
        # Sunday, 1 May 2016: 02:29:59 was followed by 03:00.
        (CARACAS, "2016-05-01T06:40", "2016-05-01T06:30", "2016-05-01T07:00"),
        (CARACAS, "2016-05-01T07:10", "2016-05-01T07:00", "2016-05-01T08:00"),
    ],
)
def test_p07_a_change_by_half_an_hour_cuts_the_hour_that_it_falls_into(
    zone: ZoneInfo, now: str, start: str, end: str
) -> None:
    assert bounds("hour", now, zone) == (utc(start), utc(end))


def test_p07_a_day_without_a_midnight_begins_when_its_clocks_do() -> None:
    # Friday, 24 April 2026: 23:59:59 was followed by 01:00.
    expected = (utc("2026-04-23T22:00"), utc("2026-04-24T21:00"))
    assert bounds("day", "2026-04-23T22:00", CAIRO) == expected
    assert bounds("day", "2026-04-24T20:59", CAIRO) == expected


def test_p07_a_day_with_two_midnights_begins_at_the_first() -> None:
    # Sunday, 1 November 2026: 00:59:59 was followed by 00:00.
    expected = (utc("2026-11-01T04:00"), utc("2026-11-02T05:00"))
    assert bounds("day", "2026-11-01T04:30", HAVANA) == expected
    assert bounds("day", "2026-11-01T05:30", HAVANA) == expected


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from([BERLIN, KOLKATA, KATHMANDU, CAIRO, LORD_HOWE, HAVANA, NEW_YORK])
WINDOWS = st.sampled_from(["hour", "day", "week", "month"])


@given(moment=MOMENTS, zone=ZONES, window=WINDOWS)
def test_p07_every_moment_lies_in_its_window_and_windows_join(
    moment: datetime, zone: ZoneInfo, window: str
) -> None:
    start = window_start(window, moment, zone)
    end = window_end(window, start, zone)
    assert end is not None
    assert start <= moment < end
    assert window_start(window, start, zone) == start
    assert window_start(window, end, zone) == end
    assert window_start(window, end - timedelta(microseconds=1), zone) == start


def test_windows_have_one_list() -> None:
    assert Window.values == ["hour", "day", "week", "month", "total"]
