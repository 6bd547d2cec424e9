"""When a webhook is attempted again, and how long a receiver that times out is left alone. Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from platform_site.backoff import Backoff, jittered

# Seconds to the next attempt. The vendor's are at once, after 3 minutes and after 10
# (docs/vendor.md); ours go on for a day.
RETRIES = (10, 180, 600, 1800, 7200, 21_600, 43_200)
# From the first attempt to the last: below a day, so that a worker that is late stays within it.
SERIES = timedelta(hours=23, minutes=55)

# How long a host is left alone whose receivers time out.
HOST_BACKOFF = Backoff(first=timedelta(seconds=15), last=timedelta(minutes=10))


def next_attempt(
    *,
    attempts: int,
    since: datetime,
    now: datetime,
    jitter: float,
    asked: timedelta | None = None,
) -> datetime | None:
    """Return when to try again after `attempts` failures in a series begun at `since`; None: never.

    `jitter`, from 0 up to 1, spreads the waits. `asked` is what the receiver wants waited: more
    than the schedule has is honoured up to the series' end; less is not, or it would soon be used
    up.
    """
    if attempts > len(RETRIES):
        return None
    wait = jittered(timedelta(seconds=RETRIES[attempts - 1]), jitter)
    at = min(now + max(wait, asked or wait), since + SERIES)
    return at if at > now else None


def requested_wait(retry_after: str, *, now: datetime) -> timedelta | None:
    """Read a Retry-After header, seconds or a date (RFC 9110 §10.2.3); None when it is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), SERIES)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta()), SERIES)
