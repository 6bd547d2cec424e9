"""The dispatch: a leased loop that sends what is queued, as long as there is anything to send.

It claims a group as slots come free, has it posted by many threads at once, and commits each answer
on its own. A POST is never cut off: a loop that ends lets the next one begin and waits for its own.
"""

import time
from datetime import timedelta
from uuid import uuid4

import structlog
from django.db import close_old_connections
from django.utils import timezone

from generations.dispatch.claim import claim_group
from generations.dispatch.fair_queue import sendable_keys
from generations.dispatch.post_pool import MOST_OF_ENDPOINT, PostPool
from generations.dispatch.ramp import Ramp
from generations.dispatch.send import PostResult, record_post
from generations.dispatch.steps import dispatch_step, help_dispatch_step, start_if_due
from generations.provider_keys import DISPATCH_LEASES, note_started
from platform_site.clusters.leases import acquire, is_free, release
from platform_site.clusters.queues import MAIN_QUEUE, settings_of
from platform_site.clusters.registry import live_clusters
from platform_site.clusters.shutdown import is_shutting_down

log = structlog.get_logger(__name__)

LEASE_LIFE = timedelta(seconds=10)
RENEW_SECONDS = 2.0
# A loop that lasts longer than this hands over: its worker may have tasks of others to do.
RUN_SECONDS = 50.0
# Where the sweep has the only other one.
RUN_SECONDS_OF_FEW = 5.0
# Before that, where all workers are busy and others wait for so long.
OTHERS_WAIT = timedelta(seconds=2)
IDLE_SECONDS = 3.0
# At rest a queued generation waits for half of this on average.
LOOK_PAUSE = 0.03
# A claim costs as much as a few sends: so many slots are worth one, or so long a wait.
CLAIM_SLOTS = MOST_OF_ENDPOINT // 2
CLAIM_SECONDS = 0.02
HELP_SECONDS = 5.0
HANGS_SECONDS = 1.0
_ERROR_PAUSE = 0.5


class Dispatcher:
    """Claims, has posted and records. Call it from one thread: the database is that one's."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._pool = PostPool()
        self._ramp = Ramp()
        self._claim_at = 0.0
        self._came_free = 0
        self.sent = 0
        self.sees_work = False
        self.is_full = False

    def step(self, *, pause: float) -> None:
        """Claim what there is room for, then record what is answered within `pause` seconds."""
        try:
            self._claim()
        except Exception:
            log.exception("claim_failed")
            close_old_connections()
            time.sleep(_ERROR_PAUSE)
        till_claim = self._claim_at - time.monotonic()
        self._record(self._pool.collect(seconds=till_claim if 0 < till_claim < pause else pause))

    def finish(self) -> None:
        """Begin nothing more, and record every answer, however long that takes."""
        self._pool.end()
        while self._pool.busy:
            self._record(self._pool.collect(seconds=1.0))

    @property
    def busy(self) -> bool:
        """Return whether anything is being sent."""
        return self._pool.busy

    @property
    def hangs(self) -> bool:
        """Return whether something is being sent that cannot be waited for in passing."""
        return self._pool.longest() > HANGS_SECONDS

    def _claim(self) -> None:
        if time.monotonic() < self._claim_at and self._came_free < CLAIM_SLOTS:
            return
        self._claim_at, self._came_free = time.monotonic() + CLAIM_SECONDS, 0
        now = timezone.now()
        keys = sendable_keys(now)
        begun, of_endpoint = self._pool.by_key(), self._pool.free_of(keys.values())
        of_key = {
            key: self._ramp.most_of(key) - begun[key]
            for key, endpoint in keys.items()
            if of_endpoint[endpoint] and begun[key] < self._ramp.most_of(key)
        }
        most = self._pool.free if of_key else 0
        self.sees_work = bool(keys)
        self.is_full = self.sees_work and not most
        if most:
            claimed = claim_group(of_key, of_endpoint=of_endpoint, most=most, now=now)
            self._pool.submit(claimed)
            self.sent += len(claimed)

    def _record(self, results: list[PostResult]) -> None:
        """Commit each answer in a transaction of its own (P21)."""
        for result in results:
            self._ramp.note(result.generation.provider_key_id, result.error)
            try:
                record_post(result)
            except Exception:
                # What is lost with one must not keep the others from being written.
                log.exception("post_not_recorded", generation_id=str(result.generation.pk))
                close_old_connections()
        self._came_free += len(results)


def dispatch() -> None:
    """Send for some seconds, if no other loop has the right to."""
    has_few = settings_of(MAIN_QUEUE)["workers"] < 3
    run_dispatch(run_seconds=RUN_SECONDS_OF_FEW if has_few else RUN_SECONDS)


def help_dispatch() -> None:
    """Send beside other loops, if there are fewer than clusters."""
    run_dispatch(helps=True)


def run_dispatch(
    *,
    run_seconds: float = RUN_SECONDS,
    idle_seconds: float = IDLE_SECONDS,
    helps: bool = False,
) -> bool:
    """Hold a lease and send what is queued, for `run_seconds` or until nothing was sent for
    `idle_seconds`; then let a fresh task go on, if there is more.

    Returns False when there was no lease to have: the first one, or, for who `helps`, one of the
    others. Ends early when the worker is to stop.
    """
    # First: whoever queues something after this starts another step, unless we have a lease.
    note_started(now=timezone.now())
    holder = uuid4().hex
    leases = _further_leases() if helps else DISPATCH_LEASES[:1]
    lease = next((one for one in leases if _hold(one, holder)), None)
    if lease is None:
        return False
    dispatcher = Dispatcher()
    try:
        _send(dispatcher, lease, holder, run_seconds=run_seconds, idle_seconds=idle_seconds)
    finally:
        try:
            # The next one begins before the last answers are in: one that hangs delays nobody. And
            # only after the release is known whether somebody has relied on us.
            release(lease, holder, now=timezone.now())
            start_if_due(timezone.now())
        finally:
            dispatcher.finish()
    return True


def _send(
    dispatcher: Dispatcher, lease: str, holder: str, *, run_seconds: float, idle_seconds: float
) -> None:
    begun = sent_at = renewed_at = helped_at = time.monotonic()
    helped = 0
    while not is_shutting_down():
        dispatcher.step(pause=LOOK_PAUSE)
        now = time.monotonic()
        if dispatcher.sees_work or dispatcher.busy:
            sent_at = now
        elif now - sent_at >= idle_seconds:
            return
        if now - begun >= run_seconds:
            return
        if now - renewed_at >= RENEW_SECONDS:
            renewed_at = now
            if not _hold(lease, holder):
                return
            if dispatch_step.has_waited(OTHERS_WAIT) and not dispatcher.hangs:
                return
        if now - helped_at >= HELP_SECONDS:
            if dispatcher.is_full and dispatcher.sent - helped >= MOST_OF_ENDPOINT:
                _call_for_help()
            helped_at, helped = now, dispatcher.sent


def _hold(lease: str, holder: str) -> bool:
    return acquire(lease, holder, now=timezone.now(), life=LEASE_LIFE)


def _further_leases() -> tuple[str, ...]:
    """Return the leases of the loops beside the first: one for each further cluster."""
    clusters = live_clusters(MAIN_QUEUE, now=timezone.now()).count()
    return DISPATCH_LEASES[1 : max(1, clusters)]


def _call_for_help() -> None:
    if is_free(_further_leases(), now=timezone.now()):
        help_dispatch_step.enqueue()
