"""django-q2's ORM broker, with a heartbeat: the queue is a table in the main database.

Who puts a task in announces it, and a cluster looks for tasks when it is told: no query is made
while there is nothing to take. Beside the queue's own tasks the broker hands its cluster a
heartbeat every few seconds (`registry`). It takes nothing more once its cluster was told to stop,
takes tasks in the order they came, sets aside what cannot be loaded, and outlives a database that
is away for a while.
"""

import time
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

import structlog
from django.db import Error
from django.db.models import Min
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.signing import SignedPackage

from platform_site.clusters.registry import HEARTBEAT_SECONDS, note_heartbeat
from platform_site.clusters.shutdown import is_shutting_down
from platform_site.clusters.watch import Watch, announce
from platform_site.supervisor.liveness import Liveness

log = structlog.get_logger(__name__)

# No row of the queue: what the pusher hands out under this id, no other cluster can have taken.
_HEARTBEAT = "heartbeat"
# No cluster serves this queue; clean-up empties it.
UNREADABLE = "unreadable"
_CANDIDATES = 8
_DATABASE_PAUSE = 1.0
# The pusher hears no sooner that its cluster ends for another reason than a signal.
_LONGEST_WAIT = 2.0
# django-q2 asks again and again until the cluster's processes have ended.
_STOPPING_PAUSE = 0.1


class HeartbeatBroker(ORM):  # type: ignore[misc]  # untyped
    """The broker of web processes, which only put tasks in, and of clusters, which work them off.

    A cluster's processes are told by `serving` which one they are, and by `liveness` where to give
    their supervisor signs of life: set both before they are forked.
    """

    serving: ClassVar[UUID | None] = None
    liveness: ClassVar[Liveness | None] = None

    def __init__(self, list_key: str | None = None) -> None:
        """Open the queue of this name, or of the process's own cluster."""
        super().__init__(list_key)
        self._heartbeat_due = 0.0
        self._heartbeat_written = 0.0
        self._watch: Watch | None = None
        # When there is a reason to look: at once, or when a row is handed out again.
        self._look_at: datetime | None = None
        self._must_look = True

    def enqueue(self, task: str) -> int:
        """Put a task in, in the caller's transaction; return its row's id."""
        row: int = super().enqueue(task)
        announce(self.list_key)
        return row

    def dequeue(self) -> list[tuple[int | str, str]] | None:
        """Return the next task and its row's id; None, after a wait, when there was none."""
        if is_shutting_down():
            time.sleep(_STOPPING_PAUSE)
            return None
        if self._watch is None:
            # Before the first look: what is put in after it is announced.
            self._watch = Watch(self.list_key)
        if self.serving is not None and time.monotonic() >= self._heartbeat_due:
            self._heartbeat_due = time.monotonic() + HEARTBEAT_SECONDS
            return [(_HEARTBEAT, _heartbeat_task())]
        try:
            taken = self._take() if self._has_reason_to_look() else None
        except Error as error:
            # django-q2's own pusher would sleep ten times as long, and die.
            log.warning("queue_not_read", queue=self.list_key, problem=type(error).__name__)
            time.sleep(_DATABASE_PAUSE)
            return None
        if taken is None and not self._must_look:
            self._must_look = self._watch.wait(self._seconds_to_wait())
        return taken

    def acknowledge(self, task_id: int | str) -> None:
        """Delete a task that has been worked off. It came through the whole cluster: that counts.

        A row that cannot be deleted is delivered again, which does no harm.
        """
        try:
            if task_id != _HEARTBEAT:
                super().acknowledge(task_id)
            self._note_life()
        except Error as error:
            log.warning("queue_not_written", queue=self.list_key, problem=type(error).__name__)

    def _note_life(self) -> None:
        now = time.monotonic()
        if self.serving is None or now - self._heartbeat_written < HEARTBEAT_SECONDS / 2:
            return
        self._heartbeat_written = now
        # The supervisor first: when the database is away, a restart would cure nothing.
        if self.liveness is not None:
            self.liveness.signal()
        note_heartbeat(self.serving)

    def _has_reason_to_look(self) -> bool:
        return self._must_look or (self._look_at is not None and timezone.now() > self._look_at)

    def _seconds_to_wait(self) -> float:
        """Return how long nothing is due, but for what is announced."""
        seconds = _LONGEST_WAIT
        if self.serving is not None:
            seconds = min(seconds, self._heartbeat_due - time.monotonic())
        if self._look_at is not None:
            seconds = min(seconds, (self._look_at - timezone.now()).total_seconds())
        return max(0.0, seconds)

    def _take(self) -> list[tuple[int | str, str]] | None:
        """Claim the first row that no other cluster claims; None when there is none to claim."""
        self._must_look = True
        ours = self.get_connection().filter(key=self.list_key)
        candidates = list(ours.filter(lock__lt=timezone.now()).order_by("pk")[:_CANDIDATES])
        for row in candidates:
            unclaimed = ours.filter(pk=row.pk, lock=row.lock)
            if not _can_be_loaded(row.payload):
                if unclaimed.update(key=UNREADABLE, lock=timezone.now()):
                    log.error("task_not_readable", queue=self.list_key, row=row.pk)
            elif unclaimed.update(lock=self.timeout(row)):
                return [(row.pk, row.payload)]
        if not candidates:
            self._must_look = False
            # A task that was lost is handed out again, and a host's clock may be ahead of ours.
            self._look_at = ours.aggregate(soonest=Min("lock"))["soonest"]
        return None


def _can_be_loaded(payload: str) -> bool:
    try:
        package: Any = SignedPackage.loads(payload)
    except Exception:
        # A foreign signature, or a pickle of what a deploy has removed: any error can come of it,
        # and out of the pusher it would kill that, again and again.
        return False
    return isinstance(package, dict)


def _heartbeat_task() -> str:
    package: str = SignedPackage.dumps(
        {
            "id": uuid4().hex,
            "name": _HEARTBEAT,
            "func": "platform_site.clusters.registry.prove_worker",
            "args": (),
            "kwargs": {},
            # Acknowledged even when the database is away, so that it still is a sign of life.
            "ack_failure": True,
            "started": timezone.now(),
        }
    )
    return package
