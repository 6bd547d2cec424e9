"""Sending a generation, at once or in a thread of its own."""

import threading

from django.db import connections

from generations.dispatch.claim import send_next
from generations.models import Generation
from tests.support.steps import send_now


def send(job: Generation) -> Generation:
    """Send the next generation, and read this one again."""
    send_now()
    job.refresh_from_db()
    return job


class sending:  # noqa: N801  # reads as a verb
    """Send in a thread of its own, with a database connection of its own."""

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
