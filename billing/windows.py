"""When spend windows start and end, in the site's time zone. Pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import models

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(models.TextChoices):
    """How long a limit counts before it renews."""

    HOUR = "hour", "Hour"
    DAY = "day", "Day"
    WEEK = "week", "Week"
    MONTH = "month", "Month"
    TOTAL = "total", "Never (one total)"


def window_start(window: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the window that holds `now` began, in UTC. A total began at the epoch.

    Days, weeks (from Monday) and months begin at local midnight, whatever the clocks did in
    between. Hours are counted on the absolute clock, shifted by the zone's current offset, so that
    the doubled hour of autumn is two windows and a half-hour zone starts at its own full hour.
    A change of clocks by half an hour cuts the hour that it falls into.
    """
    if window == Window.TOTAL:
        return EPOCH
    local = now.astimezone(zone)
    if window == Window.HOUR:
        into_hour = timedelta(
            minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
        moment = now.astimezone(UTC)
        return _clocks_changed(moment - into_hour, moment, zone) or moment - into_hour
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if window == Window.WEEK:
        midnight -= timedelta(days=local.weekday())
    elif window == Window.MONTH:
        midnight = midnight.replace(day=1)
    return midnight.astimezone(UTC)


def window_end(window: str, starts_at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when the window that began at `starts_at` ends, in UTC; None for a total."""
    if window == Window.TOTAL:
        return None
    if window == Window.HOUR:
        full = starts_at + timedelta(hours=1, minutes=-starts_at.astimezone(zone).minute)
        last = full - timedelta(microseconds=1)
        return _clocks_changed(starts_at, last, zone) or full
    local = starts_at.astimezone(zone)
    days = {Window.DAY: 1, Window.WEEK: 7, Window.MONTH: 31}[Window(window)]
    later = local + timedelta(days=days)  # wall-clock arithmetic: the zone's offset follows
    if window == Window.MONTH:
        later = later.replace(day=1)
    return later.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return when a day of the zone's calendar is over, in UTC."""
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)


def _clocks_changed(earlier: datetime, later: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the whole second after `earlier`, up to `later`, from which the zone's offset is that
    of `later`; None when it is the same at both. The two are less than an hour apart.
    """
    offset = later.astimezone(zone).utcoffset()
    if earlier.astimezone(zone).utcoffset() == offset:
        return None
    before, since = 0, int((later - earlier).total_seconds()) + 1
    while since - before > 1:
        middle = (before + since) // 2
        if (earlier + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            since = middle
        else:
            before = middle
    return earlier + timedelta(seconds=since)
