"""One supervised command: started, restarted with back-off, replaced when it falls silent."""

import logging
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import ClassVar

from platform_site.backoff import Backoff
from platform_site.supervisor import reaper
from platform_site.supervisor.forks import fork_python, show_command, signals_held
from platform_site.supervisor.liveness import VARIABLE as LIVENESS_VARIABLE
from platform_site.supervisor.liveness import Liveness

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Timings:
    """How patient the supervisor is; all in seconds."""

    grace: float = 20.0
    """From the polite signal to the kill, for a child that does not say otherwise."""
    check_every: float = 5.0
    """Between two questions for a sign of life."""
    first_check_every: float = 0.25
    """The same while somebody waits for the first sign."""
    first_delay: float = 1.0
    """Before the first restart; doubled for each further one."""
    longest_delay: float = 30.0
    settled_after: float = 60.0
    """A child that lived so long starts again at the first delay."""
    reaper_margin: float = 15.0
    """On top of the grace, for a reaper that does not end on its own."""


@dataclass(frozen=True, kw_only=True)
class ChildSpec:
    """What to run, and how to tell that it works.

    `in_fork`: the command, `python SCRIPT …` or `python -m MODULE …`, runs in a fork of the
    supervisor and shares what that has loaded.
    `silence` returns the seconds since the child's last sign of life, None for none. It is called
    in the supervisor's loop: it must answer within a few seconds. After `patience` seconds of
    silence the child counts as ill, and is replaced if `replace_when_silent`. `on_ready` is
    called once, at the first sign of life. Children of one `stage` are stopped together,
    lower stages before higher ones; `grace` is how long it may take. A `liveness` is passed on to
    the child, which may give its signs of life there.
    """

    name: str
    command: tuple[str, ...]
    stage: int = 0
    grace: float | None = None
    silence: Callable[[], float | None] | None = None
    liveness: Liveness | None = None
    in_fork: bool = False
    patience: float = 90.0
    replace_when_silent: bool = False
    on_ready: Callable[[], None] | None = None


class _Reaper:
    """A child's reaper, and the pipe by which it notices that we are gone."""

    _owners: ClassVar[set[int]] = set()

    def __init__(self, pid: int, owner: int) -> None:
        self.pid = pid
        self._owner = owner  # Closed by the kernel when we die, however we die.
        self._owners.add(owner)

    @classmethod
    def forget_all(cls) -> None:
        """Close the pipes of all, in a fork: else they would not notice while it lives."""
        for owner in cls._owners:
            os.close(owner)
        cls._owners.clear()

    def wait(self) -> int:
        """Collect it once it has ended; return its exit status, -n for signal n."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self._owner)
        self._owners.discard(self._owner)
        return os.waitstatus_to_exitcode(status)


class Child:
    """A spec and its running process, if any. Times are of the monotonic clock."""

    def __init__(self, spec: ChildSpec, *, cwd: Path, timings: Timings) -> None:
        self.spec = spec
        self._cwd = cwd
        self._timings = timings
        self._grace = timings.grace if spec.grace is None else spec.grace
        self._reaper: _Reaper | None = None
        self._failures = 0
        self._started_at = 0.0
        self._alive_at = 0.0
        self._stop_limit: float | None = None
        self._announced = False
        self.wake_at = 0.0
        """When this child next wants `attend` to be called; it may be called earlier."""

    @property
    def is_running(self) -> bool:
        """Say whether a process of this child may exist."""
        return self._reaper is not None

    def is_well(self) -> bool:
        """Say whether it runs and, if it can give signs of life, has given one recently."""
        if self._reaper is None or self._stop_limit is not None:
            return False
        return self.spec.silence is None or (self._has_shown_life and not self._is_silent)

    def attend(self) -> None:
        """Take the next step of its life: start, bury, ask for a sign of life, replace."""
        now = time.monotonic()
        if self._reaper is None:
            if now >= self.wake_at:
                self._start()
        elif self.bury_if_dead():
            self._schedule_restart()
        elif self._stop_limit is None and self.spec.silence is not None and now >= self.wake_at:
            self._listen(self.spec.silence)

    def stop(self) -> None:
        """Ask it to end in order. Asked again, it is killed without further waiting."""
        if self._reaper is None:
            return
        if self._stop_limit is None:
            limit = self._grace + self._timings.reaper_margin
            self._stop_limit = self.wake_at = time.monotonic() + limit
        reaper.send_signal(self._reaper.pid, signal.SIGTERM)
        reaper.send_signal(self._reaper.pid, signal.SIGCONT)

    def bury_if_dead(self) -> bool:
        """Return True and clear up if its reaper has ended or is overdue, False if it lives."""
        if self._reaper is None:
            return True
        if self._stop_limit is not None and time.monotonic() >= self._stop_limit:
            self._kill_session()
        # Not collected yet: its id, which is the session's, cannot be given to a stranger.
        if os.waitid(os.P_PID, self._reaper.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        self._kill_session()
        status = self._reaper.wait()
        asked = self._stop_limit is not None
        logger.log(
            logging.INFO if asked else logging.WARNING,
            "%s %s with status %s",
            self.spec.name,
            "stopped" if asked else "died",
            status,
        )
        self._reaper = None
        self._stop_limit = None
        return True

    def _start(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        owner_gone, owner = os.pipe()
        with signals_held():
            pid = os.fork()
            if pid == 0:
                os.close(owner)
                self._become_reaper(owner_gone)
        os.close(owner_gone)
        self._reaper = _Reaper(pid, owner)
        self._started_at = self._alive_at = time.monotonic()
        self.wake_at = math.inf if self.spec.silence is None else self._started_at
        logger.info("%s started", self.spec.name)

    def _become_reaper(self, owner_gone: int) -> None:
        """Keep the command until it has ended, and end with it. Does not return."""
        status = 1
        try:
            os.setsid()
            _Reaper.forget_all()
            os.dup2(owner_gone, reaper.STDIN)
            os.chdir(self._cwd)
            if self.spec.liveness is not None:
                descriptor = self.spec.liveness.descriptor
                os.environ[LIVENESS_VARIABLE] = str(descriptor)
                os.set_inheritable(descriptor, True)
            command = self.spec.command
            show_command((sys.executable, reaper.__file__, str(self._grace), *command))
            start = fork_python if self.spec.in_fork else reaper.spawn
            status = reaper.keep(partial(start, command), grace=self._grace)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def _schedule_restart(self) -> None:
        now = time.monotonic()
        if now - self._started_at >= self._timings.settled_after:
            self._failures = 0
        restarts = Backoff(
            first=timedelta(seconds=self._timings.first_delay),
            last=timedelta(seconds=self._timings.longest_delay),
        )
        delay = restarts.after(self._failures + 1).total_seconds()
        self._failures += 1
        self.wake_at = now + delay
        logger.info("%s starts again in %g s", self.spec.name, delay)

    def _listen(self, silence: Callable[[], float | None]) -> None:
        seconds = silence()
        now = time.monotonic()
        if seconds is not None:
            # A sign from before the start was its predecessor's.
            self._alive_at = max(self._alive_at, now - seconds)
        if self._has_shown_life and not self._announced:
            self._announced = True
            if self.spec.on_ready is not None:
                self.spec.on_ready()
        if self._is_silent and self.spec.replace_when_silent:
            logger.error("%s is frozen: no sign of life; replacing it", self.spec.name)
            self.stop()
            return
        is_awaited = self.spec.on_ready is not None and not self._announced
        timings = self._timings
        self.wake_at = now + (timings.first_check_every if is_awaited else timings.check_every)

    @property
    def _has_shown_life(self) -> bool:
        return self._alive_at > self._started_at

    @property
    def _is_silent(self) -> bool:
        return time.monotonic() - self._alive_at > self.spec.patience

    def _kill_session(self) -> None:
        """Kill what a reaper that was itself killed, or hangs, has left."""
        if self._reaper is not None:
            for pid in reaper.session_members(self._reaper.pid):
                reaper.send_signal(pid, signal.SIGKILL)
