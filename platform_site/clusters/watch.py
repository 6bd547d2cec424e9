"""Waiting for work without asking for it: until it is announced, or the database changed.

Whoever commits work for a loop announces the loop's topic; a loop that found nothing waits by its
`Watch` until then, or until the next moment at which something is due, which it knows itself. An
announcement is a hint: it may get lost with the process that owes it. So a watch also looks
every other second whether anybody has written anything at all, which costs no query of a table.
"""

import time
from functools import partial
from types import TracebackType
from typing import Self

import structlog
from django.db import transaction

from platform_site.clusters.bells import Bell, NoBell, open_bell, ring
from platform_site.clusters.shutdown import is_shutting_down, shutdown_sleep

log = structlog.get_logger(__name__)

# Where no announcement was heard.
LOOK_SECONDS = 2.0
# Without a bell: while its connection is away, or on a system that has none.
BLIND_SECONDS = 0.1
_OPEN_AGAIN_SECONDS = 5.0
# Of a crowd of announcements within this time one is made; whoever heard it looks again soon.
_CROWD_SECONDS = 0.02

_announced: dict[str, float] = {}


def announce(topic: str) -> None:
    """Wake whoever watches `topic`, once the caller's transaction is committed.

    Costs next to nothing where the process has announced the same a moment ago. Raises nothing: a
    bell that cannot be rung is replaced by the watcher's own looks.
    """
    transaction.on_commit(partial(_announce, topic), robust=True)


def _announce(topic: str) -> None:
    now = time.monotonic()
    if 0 <= now - _announced.get(topic, -1.0) < _CROWD_SECONDS:
        return
    _announced[topic] = now
    ring(topic)


class Watch:
    """What one loop waits by. Make it in the process that waits, and close it there.

        with Watch("films") as watch:
            while …:
                if not take_a_film():
                    watch.wait(seconds_until_one_is_due())

    Look first, then wait: what was committed since the last `wait`, or since the watch was made,
    ends the next one.
    """

    def __init__(self, topic: str) -> None:
        """Listen from now on."""
        self._topic = topic
        self._bell: Bell | None = None
        self._open_at = 0.0
        self._version: object = None
        self._look_at = 0.0
        self._is_blind = False
        self._open()

    def wait(self, seconds: float) -> bool:
        """Wait until the topic is announced or the database changed, for at most `seconds`.

        Returns whether to look for work. False when nothing happened, or when this process's
        cluster is to stop, which ends the wait.
        """
        ends = time.monotonic() + seconds
        while not is_shutting_down():
            left = max(0.0, ends - time.monotonic())
            bell = self._bell or self._open()
            if bell is None:
                shutdown_sleep(min(BLIND_SECONDS, left))
                return not is_shutting_down()
            try:
                if self._has_reason(bell, left):
                    return True
            except NoBell as problem:
                self._lose(problem)
                return True
            if not left:
                return False
        return False

    def close(self) -> None:
        """Stop listening."""
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    def _open(self) -> Bell | None:
        now = time.monotonic()
        if now < self._open_at:
            return None
        self._open_at = now + _OPEN_AGAIN_SECONDS
        try:
            self._bell = open_bell(self._topic)
            self._version, self._look_at = self._bell.version(), now + LOOK_SECONDS
            self._is_blind = False
        except NoBell as problem:
            self._lose(problem)
        return self._bell

    def _lose(self, problem: NoBell) -> None:
        if not self._is_blind:
            log.warning("bell_not_heard", topic=self._topic, problem=repr(problem.__cause__))
        self._is_blind = True
        self.close()

    def _has_reason(self, bell: Bell, seconds: float) -> bool:
        """Return whether there is a reason to look for work, after `seconds` at the latest."""
        has_rung = bell.wait(max(0.0, min(seconds, self._look_at - time.monotonic())))
        now = time.monotonic()
        if not has_rung and now < self._look_at:
            return False
        # Before the caller looks: what is committed from here on is another change.
        version = bell.version()
        is_changed, self._version = version != self._version, version
        self._look_at = now + (2 * _CROWD_SECONDS if has_rung else LOOK_SECONDS)
        return has_rung or is_changed

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()
