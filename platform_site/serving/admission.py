"""Asking the application, before a long body is read, whether it takes one from this client."""

import io
import logging
from collections.abc import Callable
from typing import Any

from gunicorn.http.wsgi import create

from platform_site.serving.incoming import Incoming

log = logging.getLogger(__name__)

# Returns whether a request's head is reason enough to read its body.
Judge = Callable[[dict[str, Any]], bool]


class Nowhere:
    """A socket on which nothing is said yet."""

    def sendall(self, _data: bytes) -> None: ...

    send = sendall


class Admission:
    """One question of whether a request's body is read; `step` runs in a thread.

    Attributes:
        is_done: Always true: it takes one step.
        is_granted: Whether the body is read; false until it was asked, and when asking fails.
    """

    is_done = True

    def __init__(self, judge: Judge | None, incoming: Incoming, *, called: Any, cfg: Any) -> None:
        self.is_granted = False
        self._judge = judge
        self._incoming = incoming
        self._called = called
        self._cfg = cfg

    def step(self) -> None:
        """Ask. The request's body is empty for whoever judges."""
        head = self._incoming.head
        waits = head.take_expectation()
        _, environ = create(head, Nowhere(), self._incoming.client, self._called, self._cfg)
        head.expects_100_continue(waits)
        environ["wsgi.input"] = io.BytesIO()
        try:
            self.is_granted = self._judge is None or self._judge(environ)
        except Exception:
            log.exception("It could not be asked whether a body is taken.")

    def close(self) -> None:
        """Do nothing: there is nothing that it holds."""
