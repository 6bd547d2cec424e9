"""Gunicorn's way in: a worker process that serves from `server`'s loop."""

import os
import re
import time

from django.conf import settings
from gunicorn.workers.base import Worker

from platform_site.serving.answer import Site
from platform_site.serving.bounds import Bounds
from platform_site.serving.server import Server
from platform_site.web.addresses import tidied

_WAIT_SECONDS = 1.0
# The master kills what is left at the end of the graceful timeout.
_MARGIN_SECONDS = 1.0


class ReadAheadWorker(Worker):  # type: ignore[misc]  # the library is untyped
    """Takes a thread for a request only when the whole of it is there."""

    bounds = Bounds()

    def run(self) -> None:
        """Serve until the master says otherwise or is gone, then finish what has begun."""
        site = Site(self.wsgi, longest_body_at, self.cfg, self.log)
        server = Server(site, self.sockets, wake=tuple(self.PIPE), bounds=self.bounds)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            server.run_once(_WAIT_SECONDS)
        server.stop()
        ends = time.monotonic() + self.cfg.graceful_timeout - _MARGIN_SECONDS
        while server.is_busy and time.monotonic() < ends:
            self.notify()
            server.run_once(_WAIT_SECONDS)
        server.close()


def longest_body_at(path: str) -> int:
    """Return how many bytes of body a path takes; longer ones are answered unread."""
    for pattern, longest in settings.LONG_BODIES.items():
        if re.fullmatch(pattern, tidied(path)):
            return int(longest)
    return int(settings.LONGEST_BODY)
