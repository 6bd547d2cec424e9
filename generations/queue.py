"""Put background steps into the queue, by dotted path and with ids only.

Called inside the transaction that makes the step necessary: the queue is a table in the same
database, so a step exists exactly when its cause does. The database, not the queue, decides who
works: every step may run twice or never, and the sweep finds what was never run.
"""

from datetime import timedelta
from uuid import UUID

from django_q.tasks import async_task

# The queue delivers at once. In case it lost a step, the sweep enqueues it again after this long;
# until then the row's due time says that it is under way.
ENQUEUE_AGAIN = timedelta(seconds=60)


def enqueue_submit(generation_id: UUID) -> None:
    """Send a queued generation to the vendor soon."""
    _enqueue("submit", str(generation_id))


def enqueue_ask(generation_id: UUID) -> None:
    """Tell the managers soon that a generation waits for them."""
    _enqueue("ask", str(generation_id))


def enqueue_keep(generation_id: UUID) -> None:
    """Fetch a completed generation's film soon."""
    _enqueue("keep", str(generation_id))


def enqueue_check_callback(receipt_id: int) -> None:
    """Ask the vendor soon about the id that a callback proposed."""
    _enqueue("check_callback", receipt_id)


def enqueue_deliver(delivery_id: UUID) -> None:
    """Post a webhook soon."""
    _enqueue("deliver", str(delivery_id))


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


def _enqueue(task: str, *ids: str | float) -> None:
    async_task(f"generations.tasks.{task}", *ids)
