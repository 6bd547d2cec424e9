"""What the sweep has to look for, and when: it sleeps until then.

Every step's rows say when they are due, so that one statement answers for all of them; only what is
due is looked for.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import structlog

from generations.approvals import expire_approvals
from generations.dispatch import mark_stale_submits_unknown
from generations.lifecycle import State
from generations.models import Approval, Generation
from generations.ops.steps import STEPS
from platform_site.clusters.due_times import DueRows, DueTimes

log = structlog.get_logger(__name__)

# What is due and cannot be done yet is looked for again after this, and everything at least so
# often while the sweep is busy polling.
LOOK_AGAIN_SECONDS = 0.5
# At rest. A new due time changes the database, which wakes the sweep; this is for its clock.
READ_AGAIN_SECONDS = 15.0


class _Look(NamedTuple):
    look: Callable[[datetime], object]
    due: DueRows


# What crashes and time leave behind, then what each step finds due.
_LOOKS = (
    _Look(
        lambda now: mark_stale_submits_unknown(now=now),
        DueRows(Generation.objects.filter(state=State.SUBMITTING), "submitted_at"),
    ),
    _Look(
        lambda now: expire_approvals(now=now),
        DueRows(Approval.objects.filter(decision=Approval.Decision.OPEN), "expires_at"),
    ),
    *(_Look(step.enqueue_due, step.due_rows) for step in STEPS if step.due_rows),
)
_POLLS = DueRows(Generation.objects.filter(upstream_id__isnull=False), "next_poll_at")
_POLL_TIMES = DueTimes([_POLLS])
_ALL_TIMES = DueTimes([_POLLS, *(one.due for one in _LOOKS)])


def enqueue_due_steps(now: datetime) -> None:
    """Enqueue every step that is due, whatever the reason that nobody took it.

    One that cannot be looked for keeps none of the others from being enqueued.
    """
    for one in _LOOKS:
        _take_look(one, now)


class Agenda:
    """When polls and steps are due, as the database said when it was last read."""

    def __init__(self, *, with_steps: bool) -> None:
        """Know nothing yet; without steps, polls are all that there is."""
        self._looks = _LOOKS if with_steps else ()
        self._times = _ALL_TIMES if with_steps else _POLL_TIMES
        self._polls_at: datetime | None = None
        self._due_at: list[datetime | None] = [None for _ in self._looks]
        self._look_from = [0.0 for _ in self._looks]
        self._read_at = -READ_AGAIN_SECONDS

    @property
    def age_seconds(self) -> float:
        """Return how long ago the database was read."""
        return time.monotonic() - self._read_at

    def read(self) -> None:
        """Ask the database when what is due."""
        self._read_at = time.monotonic()
        self._polls_at, *self._due_at = self._times.read()

    def is_poll_due(self, now: datetime) -> bool:
        """Return whether there is a generation to ask the vendor about."""
        return self._polls_at is not None and self._polls_at <= now

    def enqueue_due(self, now: datetime) -> bool:
        """Look for each step that is due and was not just looked for; return whether one was."""
        has_looked = False
        for number, one in enumerate(self._looks):
            due_at = self._due_at[number]
            if due_at is None or due_at > now or time.monotonic() < self._look_from[number]:
                continue
            self._look_from[number] = time.monotonic() + LOOK_AGAIN_SECONDS
            _take_look(one, now)
            has_looked = True
        return has_looked

    def seconds_to_next(self, now: datetime) -> float:
        """Return for how long there is nothing to do, unless the database changes."""
        seconds = READ_AGAIN_SECONDS - self.age_seconds
        if self._polls_at is not None:
            seconds = min(seconds, (self._polls_at - now).total_seconds())
        for due_at, look_from in zip(self._due_at, self._look_from, strict=True):
            if due_at is not None:
                pause = look_from - time.monotonic()
                seconds = min(seconds, max((due_at - now).total_seconds(), pause))
        return max(0.0, seconds)


def _take_look(one: _Look, now: datetime) -> None:
    try:
        one.look(now)
    except Exception:
        log.exception("sweep_look_failed")
