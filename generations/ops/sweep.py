"""The sweep: a leased loop that polls what is due and finds what a crash left behind.

It has no logic of its own: it asks the other services what is due and enqueues their steps. Where
one sweep falls behind, as many more as there are clusters poll beside it; they share the due rows.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from django.utils import timezone

from generations.approvals import expire_approvals
from generations.archive import raise_alarms
from generations.dispatch import mark_stale_submits_unknown
from generations.limits import raise_spend_alerts
from generations.ops import steps
from generations.ops.steps import STEPS
from generations.polling import Poller, is_behind
from generations.review import notify_long_reviews
from platform_site.clusters.heartbeats import record_heartbeat
from platform_site.clusters.leases import acquire, is_free, release
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.registry import live_clusters
from platform_site.clusters.shutdown import is_shutting_down

log = structlog.get_logger(__name__)


# The holder of the first one does the chores too; the others only poll.
LEASE = "sweep"
HELPERS = ("sweep 2", "sweep 3", "sweep 4")
LEASE_LIFE = timedelta(seconds=15)
# A sweep that lasts longer than this hands over: its worker may have tasks of others to do.
RUN_SECONDS = 50.0
# At rest a callback waits for half of this on average.
POLL_PAUSE = 0.03
RENEW_SECONDS = 3.0
STEPS_SECONDS = 0.5
ALERT_SECONDS = 5.0
ALARM_SECONDS = 30.0
HELP_SECONDS = 5.0
BEHIND = timedelta(seconds=2)
FINISH_SECONDS = 2.0


def sweep(wait_seconds: float = 0.0) -> None:
    """Sweep for some seconds, if no other sweep runs, and hand over to the next task."""
    run_sweep(wait_seconds=wait_seconds)


def run_sweep(*, run_seconds: float = RUN_SECONDS, wait_seconds: float = 0.0) -> bool:
    """Hold a lease and sweep for `run_seconds`, then hand over to a fresh task.

    Waits up to `wait_seconds` for the first lease; while that is another's, takes a further one if
    rows wait for too long. Returns False when it has none, or lost it. Ends early when the worker
    is to stop.
    """
    holder = uuid4().hex
    lease = _wait_for_lease(holder, wait_seconds)
    if lease is None:
        return False
    renew = (RENEW_SECONDS, lambda now: _renew(lease, holder, now))
    regular = _every(renew, *(_CHORES if lease == LEASE else ()))
    ends = time.monotonic() + run_seconds
    poller = Poller()
    try:
        while time.monotonic() < ends and not is_shutting_down():
            if not regular(timezone.now()):
                return False
            poller.step(pause=POLL_PAUSE)
        # The next one starts before the last answers are in: one that hangs delays nobody (P27).
        release(lease, holder, now=timezone.now())
        if lease == LEASE or is_behind(timezone.now(), by=BEHIND):
            steps.sweep_step.enqueue(0.0)
    finally:
        poller.finish(seconds=FINISH_SECONDS)
    return True


def enqueue_due_steps(now: datetime) -> bool:
    """Enqueue every step that is due, whatever the reason that nobody took it.

    One that cannot be looked for keeps none of the others from being enqueued.
    """
    for look in _LOOKS:
        _done(look, now)
    return True


def _renew(lease: str, holder: str, now: datetime) -> bool:
    record_heartbeat()
    return acquire(lease, holder, now=now, life=LEASE_LIFE)


def _call_for_help(now: datetime) -> bool:
    if is_behind(now, by=BEHIND) and is_free(_helpers(), now=now):
        steps.sweep_step.enqueue(0.0)
    return True


# What crashes and time leave behind, then what each step finds due.
_LOOKS: tuple[Callable[[datetime], object], ...] = (
    lambda now: mark_stale_submits_unknown(now=now),
    lambda now: expire_approvals(now=now),
    *(step.enqueue_due for step in STEPS),
)
_CHORES: tuple[tuple[float, Callable[[datetime], object]], ...] = (
    (STEPS_SECONDS, enqueue_due_steps),
    (ALERT_SECONDS, lambda now: raise_spend_alerts(now=now)),
    (ALARM_SECONDS, lambda now: raise_alarms(now=now)),
    (ALARM_SECONDS, lambda now: notify_long_reviews(now=now)),
    (HELP_SECONDS, _call_for_help),
)


def _wait_for_lease(holder: str, wait_seconds: float) -> str | None:
    """Return the lease that was taken, if any."""
    ends = time.monotonic() + wait_seconds
    while not is_shutting_down():
        now = timezone.now()
        names = (LEASE, *_helpers()) if is_behind(now, by=BEHIND) else (LEASE,)
        for name in names:
            if acquire(name, holder, now=now, life=LEASE_LIFE):
                return name
        if time.monotonic() >= ends:
            return None
        time.sleep(0.5)
    return None


def _helpers() -> tuple[str, ...]:
    """Return the leases of the sweeps beside the first: one for each further cluster."""
    clusters = live_clusters(MAIN_QUEUE, now=timezone.now()).count()
    return HELPERS[: max(0, clusters - 1)]


def _every(
    *chores: tuple[float, Callable[[datetime], object]],
) -> Callable[[datetime], bool]:
    """Return a function that runs each chore once its seconds have passed; False stops the loop."""
    due = dict.fromkeys(range(len(chores)), 0.0)

    def run(now: datetime) -> bool:
        for index, (seconds, chore) in enumerate(chores):
            if time.monotonic() >= due[index]:
                due[index] = time.monotonic() + seconds
                if not _done(chore, now):
                    return False
        return True

    return run


def _done(chore: Callable[[datetime], object], now: datetime) -> bool:
    """Do a chore; return whether to go on, which only a lost lease forbids."""
    try:
        return chore(now) is not False
    except Exception:
        # One chore that fails must not keep the others, or the polling, from being done.
        log.exception("sweep_chore_failed")
        return True
