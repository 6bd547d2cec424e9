"""Put background steps into the queue, by dotted path and with ids only.

Called inside the transaction that makes the step necessary: the queue is a table in the same
database, so a step exists exactly when its cause does. The database, not the queue, decides who
works: every step may run twice or never, and the sweep finds what was never run.
"""

from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone
from django_q.tasks import async_task

from platform_site.clusters.queues import FILM_QUEUE, MAIN_QUEUE

# The queue delivers at once. In case it lost a step, the sweep enqueues it again after this long;
# until then the row's due time says that it is under way.
ENQUEUE_AGAIN = timedelta(seconds=60)
# More waiting sends than a worker or two can take at once only lengthen the queue.
SENDS_WAITING = 6
# With so many films waiting for a worker, those that are due again wait in their own table.
FILMS_WAITING = 20

# django-q2's broker sets `lock` to the future when a worker takes a row.
_COUNT_WAITING = """
SELECT count(*) FROM (
  SELECT 1 FROM django_q_ormq WHERE key = %s AND lock <= %s LIMIT %s
) AS waiting
"""
_FILM_STEPS = frozenset({"keep"})


def enqueue_send(count: int = 1) -> int:
    """Send up to `count` queued generations soon, whichever are next; return how many it asked for.

    Not one step a generation: while `SENDS_WAITING` steps wait anyway, those that wait will send
    these too, each calling the next, and the queue stays short.
    """
    missing = min(count, SENDS_WAITING - _waiting(MAIN_QUEUE, SENDS_WAITING))
    for _ in range(missing):
        _enqueue("send")
    return max(0, missing)


def enqueue_ask(generation_id: UUID) -> None:
    """Tell the managers soon that a generation waits for them."""
    _enqueue("ask", str(generation_id))


def enqueue_keep(generation_id: UUID) -> None:
    """Fetch a completed generation's film soon."""
    _enqueue("keep", str(generation_id))


def room_for_films() -> int:
    """Return how many films may be enqueued again: when many wait for their turn anyway, a film
    that is due again is one of them, and would only be in the queue twice.
    """
    return FILMS_WAITING - _waiting(FILM_QUEUE, FILMS_WAITING)


def enqueue_check_callback(receipt_id: int) -> None:
    """Ask the vendor soon about the id that a callback proposed."""
    _enqueue("check_callback", receipt_id)


def enqueue_deliver() -> None:
    """Post the webhooks that are due soon; one courier carries all of them."""
    _enqueue("deliver")


def enqueue_mail(notice_id: int) -> None:
    """Mail a notice soon."""
    _enqueue("mail", notice_id)


def enqueue_probe(provider_key_id: int) -> None:
    """Try a paused provider key soon."""
    _enqueue("probe", provider_key_id)


def enqueue_sample(provider_key_id: int) -> None:
    """Read a provider key's meter soon."""
    _enqueue("sample", provider_key_id)


def enqueue_sweep(*, wait_seconds: float = 0.0) -> None:
    """Start a sweep; it waits `wait_seconds` for the lease of one that may have died."""
    _enqueue("sweep", wait_seconds)


def hand_back(step: str, *ids: str | float) -> None:
    """Put a step that a stopping worker was given back into its queue, for another worker."""
    _enqueue(step, *ids)


def _waiting(queue: str, most: int) -> int:
    """Return how many steps wait in a queue for a worker, counting up to `most`."""
    with connection.cursor() as cursor:
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        cursor.execute(_COUNT_WAITING, [queue, now, most])
        (count,) = cursor.fetchone()
    return int(count)


def _enqueue(step: str, *ids: str | float) -> None:
    # Always by name: without one it would be the queue that this process itself serves.
    queue = FILM_QUEUE if step in _FILM_STEPS else MAIN_QUEUE
    async_task(f"generations.tasks.{step}", *ids, cluster=queue)
