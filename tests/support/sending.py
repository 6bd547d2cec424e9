"""Sending generations: the next one, all of them, or in a thread of its own."""

import threading

from django.db import connections
from django.utils import timezone

from generations.dispatch.loop import run_dispatch
from generations.dispatch.send import post, record_post
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from tests.support.claiming import claim_next


def post_generation(generation: Generation) -> None:
    """Submit a generation that was claimed, and act on the answer."""
    record_post(post(generation))


def send_next() -> bool:
    """Claim the next generation and submit it; tell whether there was one."""
    generation = claim_next(now=timezone.now())
    if generation is not None:
        post_generation(generation)
    return generation is not None


def send_now() -> bool:
    """Send the next generation, as once every back-off has passed; tell whether there was one."""
    ProviderKey.objects.update(next_send_at=None)
    Generation.objects.filter(state=State.QUEUED).update(next_submit_at=timezone.now())
    return send_next()


def send_all() -> None:
    """Run the dispatch until nothing more can be sent."""
    run_dispatch(idle_seconds=0.0)


def send(job: Generation) -> Generation:
    """Send the next generation, and read this one again."""
    send_now()
    job.refresh_from_db()
    return job


class sending:  # noqa: N801  # reads as a verb
    """Send the next one in a thread of its own, with a database connection of its own."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        send_next()
        connections.close_all()

    def __enter__(self) -> threading.Thread:
        self._thread.start()
        return self._thread

    def __exit__(self, *_error: object) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()
