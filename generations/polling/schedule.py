"""When the vendor is asked about a generation: first, and after each answer."""

import math
from datetime import datetime, timedelta

from generations.lifecycle import State
from generations.polling.render_times import Expectation, seconds_to_next_look
from platform_site.backoff import Backoff

_LONGEST_WAIT = 300.0  # seconds, in review and after many unclear answers
_UNCLEAR = Backoff(first=timedelta(seconds=2), last=timedelta(seconds=_LONGEST_WAIT))
# Waits come in steps of a tenth, so that one statement can write many rows.
_STEP = math.log(1.1)


def first_poll_at(now: datetime) -> datetime:
    """Return when to look for the first time: some fail at once."""
    return now + timedelta(seconds=1)


def wait_before_look(
    *, state: str, waited: float, failures: int, expected: Expectation | None
) -> timedelta:
    """Return when to look again at a generation the vendor has had for `waited` seconds.

    As its kind's history has it; each of `failures` unclear answers in a row doubles the least
    wait, up to five minutes, which it always is in review.
    """
    if state == State.NEEDS_REVIEW:
        return timedelta(seconds=_LONGEST_WAIT)
    seconds = seconds_to_next_look(waited, expected)
    if failures:
        seconds = max(seconds, _UNCLEAR.after(failures).total_seconds())
    return timedelta(seconds=math.exp(_STEP * math.floor(math.log(seconds) / _STEP + 1e-9)))
