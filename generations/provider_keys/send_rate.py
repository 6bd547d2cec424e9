"""How fast a provider key may send, and how long it waits after a send that came to nothing. Pure.

A key sends at even distances, not in bursts, and never more per minute than its rate.
"""

from datetime import datetime, timedelta

from platform_site.backoff import Backoff

MINUTE = timedelta(minutes=1)
# Sends that were due recently may follow at once, so that a look every half second loses none. The
# distance between two is as much longer as keeps every minute within the rate.
SLACK = timedelta(seconds=1)
# One send at a time finds out whether the vendor takes generations again.
BACKOFF = Backoff(first=timedelta(seconds=1), last=timedelta(minutes=2))


def next_send_at(
    earlier: datetime | None, *, per_minute: int | None, failures: int, now: datetime
) -> datetime | None:
    """Return when a key may send again after a send at `now`; None for at once.

    `earlier` is when it was allowed to send this one. After failures in a row one send at a time
    finds out whether the vendor takes generations again.
    """
    by_rate = None
    if per_minute is not None:
        start = now - SLACK if earlier is None else max(earlier, now - SLACK)
        by_rate = start + (MINUTE + SLACK) / per_minute
    if not failures:
        return by_rate
    held = now + BACKOFF.after(failures)
    return held if by_rate is None else max(held, by_rate)
