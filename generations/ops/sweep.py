"""The sweep: a leased loop that polls what is due and finds what a crash left behind.

It has no logic of its own: it asks the other services what is due and enqueues their steps. While
nothing is, it sleeps until the next moment at which something is, or until it is told of one. Where
one sweep falls behind, as many more as there are clusters poll beside it; they share the due rows.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from django.utils import timezone

from generations.archive import raise_alarms
from generations.limits import raise_spend_alerts
from generations.ops import steps
from generations.ops.agenda import LOOK_AGAIN_SECONDS, READ_AGAIN_SECONDS, Agenda
from generations.polling import Poller, is_behind
from generations.review import notify_long_reviews
from generations.transitions import POLLS
from platform_site.clusters.heartbeats import record_heartbeat
from platform_site.clusters.leases import acquire, is_free, release
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.registry import live_clusters
from platform_site.clusters.shutdown import is_shutting_down, shutdown_sleep
from platform_site.clusters.watch import Watch

log = structlog.get_logger(__name__)


# The holder of the first one does the chores too; the others only poll.
LEASE = "sweep"
HELPERS = ("sweep 2", "sweep 3", "sweep 4")
LEASE_LIFE = timedelta(seconds=15)
# A sweep that lasts longer than this hands over: its worker may have tasks of others to do.
RUN_SECONDS = 50.0
# While the vendor is asked, or is not to be asked yet.
POLL_PAUSE = 0.03
RENEW_SECONDS = 5.0
ALERT_SECONDS = 15.0
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
    regular = _Regular(renew, *(_CHORES if lease == LEASE else ()))
    poller = Poller()
    try:
        if not _work(poller, regular, Agenda(with_steps=lease == LEASE), seconds=run_seconds):
            return False
        # The next one starts before the last answers are in: one that hangs delays nobody (P27).
        release(lease, holder, now=timezone.now())
        if lease == LEASE or is_behind(timezone.now(), by=BEHIND):
            steps.sweep_step.enqueue(0.0)
    finally:
        poller.finish(seconds=FINISH_SECONDS)
    return True


def _work(poller: Poller, regular: "_Regular", agenda: Agenda, *, seconds: float) -> bool:
    """Poll, enqueue and do the chores for some seconds; return False once the lease is lost."""
    ends = time.monotonic() + seconds
    has_news = True
    with Watch(POLLS) as watch:
        while time.monotonic() < ends and not is_shutting_down():
            now = timezone.now()
            if not regular.do_due(now):
                return False
            if has_news or poller.busy or agenda.is_poll_due(now):
                # First, because a callback waits for it.
                poller.step(pause=POLL_PAUSE)
                has_news = True
            if poller.busy and agenda.age_seconds < LOOK_AGAIN_SECONDS:
                watch.wait(0)
                continue
            if has_news:
                agenda.read()
            now = timezone.now()
            has_news = agenda.enqueue_due(now)
            if not (has_news or poller.busy):
                pause = min(agenda.seconds_to_next(now), regular.seconds_to_next())
                if agenda.is_poll_due(now):
                    pause = POLL_PAUSE  # The vendor told its key to wait.
                has_news = watch.wait(min(pause, ends - time.monotonic()))
                has_news |= agenda.age_seconds >= READ_AGAIN_SECONDS
    return True


def _renew(lease: str, holder: str, now: datetime) -> bool:
    record_heartbeat()
    return acquire(lease, holder, now=now, life=LEASE_LIFE)


def _call_for_help(now: datetime) -> bool:
    if is_behind(now, by=BEHIND) and is_free(_helpers(), now=now):
        steps.sweep_step.enqueue(0.0)
    return True


_CHORES: tuple[tuple[float, Callable[[datetime], object]], ...] = (
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
        shutdown_sleep(0.5)
    return None


def _helpers() -> tuple[str, ...]:
    """Return the leases of the sweeps beside the first: one for each further cluster."""
    clusters = live_clusters(MAIN_QUEUE, now=timezone.now()).count()
    return HELPERS[: max(0, clusters - 1)]


class _Regular:
    """Chores, each done once its seconds have passed."""

    def __init__(self, *chores: tuple[float, Callable[[datetime], object]]) -> None:
        self._chores = chores
        self._due = [0.0 for _ in chores]

    def do_due(self, now: datetime) -> bool:
        """Do what is due; return whether to go on."""
        for number, (seconds, chore) in enumerate(self._chores):
            if time.monotonic() >= self._due[number]:
                self._due[number] = time.monotonic() + seconds
                if not _done(chore, now):
                    return False
        return True

    def seconds_to_next(self) -> float:
        """Return for how long none is due."""
        return max(0.0, min(self._due) - time.monotonic())


def _done(chore: Callable[[datetime], object], now: datetime) -> bool:
    """Do a chore; return whether to go on, which only a lost lease forbids."""
    try:
        return chore(now) is not False
    except Exception:
        # One chore that fails must not keep the others, or the polling, from being done.
        log.exception("sweep_chore_failed")
        return True
