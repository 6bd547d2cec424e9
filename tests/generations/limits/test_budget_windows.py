"""Where a limit starts afresh, by real admissions: borders, changes of clocks, half hours."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pytest_django import Settings

from billing.errors import SpendLimitExceeded
from billing.models import SpendWindow
from billing.windows import window_end, window_start
from tests.support.desk import Desk, complete, fail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]

ZURICH, LORD_HOWE, KOLKATA = "Europe/Zurich", "Australia/Lord_Howe", "Asia/Kolkata"
SECOND = timedelta(seconds=1)

Move = Callable[[str], ZoneInfo]


@pytest.fixture
def in_zone(settings: Settings) -> Move:
    """Move the site to another time zone."""

    def move(name: str) -> ZoneInfo:
        settings.TIME_ZONE = name
        return ZoneInfo(name)

    return move


@pytest.fixture
def seen_from_samoa() -> Iterator[None]:
    """Let the current thread show times in yet another zone, as a page for somebody would."""
    with timezone.override("Pacific/Apia"):
        yield


def at(text: str, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """Read a local time; `fold=1` is its second coming."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def expect_border(desk: Desk, window: str, border: datetime) -> None:
    """Fill a limit a second before `border`, to which it must hold, and no longer."""
    desk.cap("member", 70, window)
    last = desk.submit(now=border - SECOND)
    for late in [border - SECOND, border - timedelta(microseconds=1)]:
        with pytest.raises(SpendLimitExceeded) as caught:
            desk.submit(now=late)
        assert caught.value.details["resets_at"] == int(border.timestamp())
    new = desk.submit(now=border)
    complete(last, now=border + SECOND)
    rows = SpendWindow.objects.order_by("starts_at")
    assert [(row.held, row.spent) for row in rows] == [(0, 70), (70, 0)]
    assert rows[1].starts_at == border
    fail(new, now=border + SECOND)
    desk.submit(now=border + 2 * SECOND)


@pytest.mark.parametrize("zone_name", ["UTC", ZURICH, LORD_HOWE, KOLKATA, "America/St_Johns"])
@pytest.mark.parametrize(
    ("window", "border"),
    [
        ("hour", "2026-06-17T00:00"),
        ("day", "2026-06-17T00:00"),
        ("week", "2026-06-15T00:00"),
        ("month", "2026-07-01T00:00"),
        ("month", "2027-01-01T00:00"),
    ],
)
@pytest.mark.usefixtures("seen_from_samoa")
def test_p07_a_second_before_midnight_is_the_old_window_and_midnight_the_new(
    desk: Desk, in_zone: Move, zone_name: str, window: str, border: str
) -> None:
    expect_border(desk, window, at(border, in_zone(zone_name)))


@pytest.mark.parametrize(
    ("zone_name", "border"),
    [
        (ZURICH, "2026-03-29T00:00"),  # 23 hours follow
        (ZURICH, "2026-03-30T00:00"),
        (ZURICH, "2026-10-25T00:00"),  # 25 hours follow
        (ZURICH, "2026-10-26T00:00"),
        (LORD_HOWE, "2026-04-05T00:00"),  # 24½ hours follow
        (LORD_HOWE, "2026-04-06T00:00"),
        (LORD_HOWE, "2026-10-04T00:00"),  # 23½ hours follow
        (LORD_HOWE, "2026-10-05T00:00"),
    ],
)
@pytest.mark.parametrize("window", ["day", "hour"])
def test_p07_days_around_a_change_of_clocks_are_cut_at_local_midnight(
    desk: Desk, in_zone: Move, window: str, zone_name: str, border: str
) -> None:
    expect_border(desk, window, at(border, in_zone(zone_name)))


@pytest.mark.parametrize(
    ("zone_name", "day", "hours"),
    [
        (ZURICH, "2026-03-29", 23),
        (ZURICH, "2026-10-25", 25),
        (LORD_HOWE, "2026-04-05", 24.5),
        (LORD_HOWE, "2026-10-04", 23.5),
        (KOLKATA, "2026-10-04", 24),
    ],
)
def test_p07_a_limit_a_day_lasts_as_long_as_the_local_day(
    desk: Desk, in_zone: Move, zone_name: str, day: str, hours: float
) -> None:
    start = at(f"{day}T00:00", in_zone(zone_name))
    desk.cap("team", 140, "day")
    desk.submit(now=start)
    desk.submit(now=start + timedelta(hours=hours) - SECOND)
    with pytest.raises(SpendLimitExceeded) as caught:
        desk.submit(now=start + timedelta(hours=12))
    assert caught.value.details["resets_at"] == start.timestamp() + hours * 3600
    desk.submit(now=start + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("zone_name", "borders"),
    [
        # 01:59:59 is followed by 03:00.
        (ZURICH, ["2026-03-29T00:00Z", "2026-03-29T01:00Z", "2026-03-29T02:00Z"]),
        # 02:59:59 is followed by 02:00: the doubled hour is two windows.
        (ZURICH, ["2026-10-25T00:00Z", "2026-10-25T01:00Z", "2026-10-25T02:00Z"]),
        # 01:59:59 is followed by 01:30: the second half hour of it is a window of its own.
        (LORD_HOWE, ["2026-04-04T14:00Z", "2026-04-04T15:00Z", "2026-04-04T15:30Z"]),
        # 01:59:59 is followed by 02:30: that hour has but its second half.
        (LORD_HOWE, ["2026-10-03T14:30Z", "2026-10-03T15:30Z", "2026-10-03T16:00Z"]),
        (KOLKATA, ["2026-05-01T10:30Z", "2026-05-01T11:30Z"]),
        ("Asia/Kathmandu", ["2026-05-01T10:15Z", "2026-05-01T11:15Z"]),
    ],
)
def test_p07_hours_join_over_a_change_of_clocks(
    desk: Desk, in_zone: Move, zone_name: str, borders: list[str]
) -> None:
    in_zone(zone_name)
    desk.cap("team", 70, "hour")
    moments = [datetime.fromisoformat(border) for border in borders]
    for start, end in pairwise(moments):
        desk.submit(now=start + (end - start) / 2)
        for full in [start, end - SECOND]:
            with pytest.raises(SpendLimitExceeded) as caught:
                desk.submit(now=full)
            assert caught.value.details["resets_at"] == end.timestamp()
    desk.submit(now=moments[-1])
    assert set(SpendWindow.objects.values_list("starts_at", flat=True)) == set(moments)


@pytest.mark.parametrize(
    "zone_name", [ZURICH, LORD_HOWE, KOLKATA, "Africa/Cairo", "America/Havana", "Antarctica/Troll"]
)
@pytest.mark.parametrize("window", ["hour", "day", "week", "month"])
def test_p07_windows_join_at_every_half_hour_of_a_year(zone_name: str, window: str) -> None:
    zone = ZoneInfo(zone_name)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    start = window_start(window, moment, zone)
    while moment < datetime(2027, 1, 1, tzinfo=UTC):
        end = window_end(window, start, zone)
        assert end is not None
        if moment < end:
            assert window_start(window, moment, zone) == start
            moment += timedelta(minutes=30)
        else:
            assert window_start(window, end - timedelta(microseconds=1), zone) == start
            assert window_start(window, end, zone) == end
            start = end


@pytest.mark.usefixtures("seen_from_samoa")
def test_p07_a_change_of_the_sites_zone_cuts_new_windows_and_keeps_the_old_counts(
    desk: Desk, in_zone: Move
) -> None:
    in_zone(ZURICH)
    desk.cap("team", 70, "day")
    late = datetime(2026, 6, 16, 21, tzinfo=UTC)  # 23:00 in Zurich, 02:30 next day in Kolkata
    first = desk.submit(now=late)
    in_zone(KOLKATA)
    desk.submit(now=late + SECOND)
    complete(first, now=late + SECOND)
    rows = SpendWindow.objects.order_by("starts_at")
    assert [(row.held, row.spent) for row in rows] == [(0, 70), (70, 0)]


def test_p07_held_before_midnight_and_settled_days_later_leaves_today_at_nothing(
    desk: Desk, in_zone: Move
) -> None:
    zone = in_zone(ZURICH)
    for window in ["hour", "day", "week", "month", "total"]:
        desk.cap("project", 1_000, window)
    generation = desk.submit(now=at("2026-08-31T23:59:59", zone))
    complete(generation, now=at("2026-09-07T12:00", zone))
    spent = SpendWindow.objects.values_list("limit__window", "spent", "held")
    assert set(spent) == {(window, 70, 0) for window in ["hour", "day", "week", "month", "total"]}
    desk.submit(now=at("2026-09-07T12:00:01", zone))
    counts = SpendWindow.objects.filter(held=70).values_list("limit__window", "spent")
    assert dict(counts) == {"hour": 0, "day": 0, "week": 0, "month": 0, "total": 70}
