"""Gunicorn's way in: a worker process that serves from `server`'s loop."""

import os
import time
from typing import Any

from django.conf import settings
from django.db import close_old_connections
from django.utils.module_loading import import_string
from gunicorn.workers.base import Worker

from platform_site.serving.admission import Judge
from platform_site.serving.answer import Site
from platform_site.serving.bounds import Bounds
from platform_site.serving.server import Server
from platform_site.web.long_bodies import LongBody

_WAIT_SECONDS = 1.0
# The master kills what is left at the end of the graceful timeout.
_MARGIN_SECONDS = 1.0


class ReadAheadWorker(Worker):  # type: ignore[misc]  # the library is untyped
    """Takes a thread for a request only when the whole of it is there."""

    bounds = Bounds()

    def run(self) -> None:
        """Serve until the master says otherwise or is gone, then finish what has begun."""
        site = Site(self.wsgi, longest_body_at, self.cfg, self.log, judge_at)
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
    found = _long_body_at(path)
    return found.size if found else int(settings.LONGEST_BODY)


def judge_at(path: str) -> Judge | None:
    """Return who is asked, with a request's head alone, before a path's long body is read."""
    found = _long_body_at(path)
    if found is None:
        return None
    judge: Judge = import_string(found.judge)

    def asked(environ: dict[str, Any]) -> bool:
        # As Django does around a request: a connection that broke meanwhile is not used again.
        close_old_connections()
        try:
            return judge(environ)
        finally:
            close_old_connections()

    return asked


def _long_body_at(path: str) -> LongBody | None:
    return next((one for one in settings.LONG_BODIES if one.is_at(path)), None)
