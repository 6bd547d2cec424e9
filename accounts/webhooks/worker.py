"""Post webhooks: many at once from one worker, so that no receiver holds up another.

One worker runs at a time, under a lease. Its threads only speak HTTP; claims and records are
made by the thread that owns the database connection. What bounds it are shares, not locks: for a
moment two workers may post a little more than that, but never one attempt twice.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import HostBackoff, WebhookDelivery
from accounts.webhooks.delivery import PostResult, claim_attempt, post, record_attempt
from accounts.webhooks.events import EndpointTest
from accounts.webhooks.health import note_given_up
from accounts.webhooks.schedule import SERIES
from accounts.webhooks.steps import CALL, LEASE, due_deliveries
from platform_site.clusters.leases import acquire, release
from platform_site.clusters.shutdown import is_shutting_down
from platform_site.models import Lease
from platform_site.secrets.cipher import CipherError

log = structlog.get_logger(__name__)

LEASE_LIFE = timedelta(seconds=15)
RENEW_SECONDS = 3.0
# Short slices: a worker that is asked to stop finishes its task first.
RUN_SECONDS = 10.0
PAUSE_SECONDS = 0.2
THREADS = 32
HOST_POSTS = 4  # of one team at one host; one while that host times out
TEAM_POSTS = 12

Receiver = tuple[int, str]  # a team's id and a host


def deliver_due(*, run_seconds: float = RUN_SECONDS) -> bool:
    """Post what is due, and what becomes due meanwhile, until there is nothing or time is up.

    Returns False when another worker carries already: it sees to whatever is due.
    """
    holder = uuid4().hex
    if not acquire(LEASE, holder, now=timezone.now(), life=LEASE_LIFE):
        return False
    Lease.objects.filter(name=CALL).update(holder="", expires_at=timezone.now())
    with ThreadPoolExecutor(THREADS, thread_name_prefix="webhook") as pool:
        worker = _Worker(pool)
        try:
            ends = time.monotonic() + run_seconds
            while time.monotonic() < ends and not is_shutting_down() and _renewed(holder):
                if not worker.work_for(RENEW_SECONDS, until=ends):
                    break
        finally:
            # The next one starts before the last answers are in: one that times out delays nobody.
            release(LEASE, holder, now=timezone.now())
        worker.await_answers()
    return True


class _Worker:
    """The posts in progress."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._in_progress: dict[Future[PostResult], WebhookDelivery] = {}

    def work_for(self, seconds: float, *, until: float) -> bool:
        """Start and record posts for some seconds; False once there is nothing (more) to do."""
        ends = min(until, time.monotonic() + seconds)
        while time.monotonic() < ends:
            self._start_due(timezone.now())
            if not self._in_progress:
                return False
            self._record_done(wait(self._in_progress, PAUSE_SECONDS, FIRST_COMPLETED).done)
        return True

    def await_answers(self) -> None:
        """Record what is still in progress."""
        while self._in_progress:
            self._record_done(wait(self._in_progress, return_when=FIRST_COMPLETED).done)

    def _start_due(self, now: datetime) -> None:
        _rest(now)
        # Each look takes at most the shares of the receivers it finds; the next one sees others.
        while room := THREADS - len(self._in_progress):
            started = [one for one in _next_due(now, room) if self._start(one, now)]
            if not started:
                return

    def _start(self, delivery: WebhookDelivery, now: datetime) -> bool:
        endpoint = delivery.endpoint
        is_test = delivery.event == EndpointTest.event_name
        if endpoint is not None and not endpoint.enabled and not is_test:
            # It was put there while somebody switched the endpoint off.
            _give_up(delivery, "The endpoint is disabled.")
            return True
        try:
            headers = claim_attempt(delivery, now=now)
        except CipherError:
            log.exception("webhook_secret_does_not_open", team=delivery.team_id)
            _postpone(delivery, now + timedelta(minutes=10))
            return True
        if headers is None:
            return False
        future = self._pool.submit(post, delivery.url, delivery.body, headers)
        self._in_progress[future] = delivery
        return True

    def _record_done(self, done: set[Future[PostResult]]) -> None:
        for future in done:
            delivery = self._in_progress.pop(future)
            try:
                answer = future.result()
            except Exception as error:
                # A receiver that finds a bug of ours must not stop everybody's webhooks.
                log.exception("webhook_post_failed", delivery=str(delivery.pk))
                answer = PostResult(None, "", f"An error in Dailies: {type(error).__name__}.", 0)
            # Spreading attempts needs no secrecy.
            jitter = random.random()  # noqa: S311
            record_attempt(delivery, answer, now=timezone.now(), jitter=jitter)


def _next_due(now: datetime, room: int) -> Iterator[WebhookDelivery]:
    """Yield what is due, oldest first, within the shares of each team and each receiver."""
    in_progress = WebhookDelivery.objects.filter(claimed_until__gt=now)
    posts: Counter[Receiver] = Counter(in_progress.values_list("team_id", "host"))
    teams: Counter[int] = Counter()
    for (team_id, _), count in posts.items():
        teams[team_id] += count
    slow = set(HostBackoff.objects.values_list("team_id", "host"))

    def is_full(team_id: int, host: str) -> bool:
        share = 1 if (team_id, host) in slow else HOST_POSTS
        return teams[team_id] >= TEAM_POSTS or posts[team_id, host] >= share

    due = due_deliveries(now)
    for team_id, host in [one for one in posts if is_full(*one)]:
        due = due.exclude(team_id=team_id, host=host)
    due = due.exclude(team_id__in=[one for one in teams if teams[one] >= TEAM_POSTS])
    for delivery in due.select_related("team", "endpoint").order_by("next_attempt_at")[:room]:
        if not is_full(delivery.team_id, delivery.host):
            posts[delivery.team_id, delivery.host] += 1
            teams[delivery.team_id] += 1
            yield delivery


def _rest(now: datetime) -> None:
    """Put off what is due at hosts that are left alone; a day of that is a series of attempts."""
    for slow in HostBackoff.objects.filter(ends_at__gt=now):
        waiting = due_deliveries(now).filter(team_id=slow.team_id, host=slow.host)
        for delivery in waiting.filter(series_since__lte=now - SERIES)[:THREADS]:
            if _give_up(delivery, "Its host timed out for a day."):
                note_given_up(delivery, now=now)
        waiting.update(
            next_attempt_at=slow.ends_at, series_since=Coalesce("series_since", Value(now))
        )


def _give_up(delivery: WebhookDelivery, note: str) -> bool:
    waiting = WebhookDelivery.objects.filter(
        pk=delivery.pk, state=WebhookDelivery.State.PENDING, attempts=delivery.attempts
    )
    given_up = WebhookDelivery.State.GIVEN_UP
    return bool(waiting.update(state=given_up, next_attempt_at=None, response_note=note))


def _postpone(delivery: WebhookDelivery, at: datetime) -> None:
    waiting = WebhookDelivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts)
    waiting.update(next_attempt_at=at)


def _renewed(holder: str) -> bool:
    return acquire(LEASE, holder, now=timezone.now(), life=LEASE_LIFE)
