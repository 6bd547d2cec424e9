"""The loop that keeps a handful of children alive until it is told to end."""

import logging
import math
import os
import select
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from platform_site.supervisor import reaper
from platform_site.supervisor.child import Child, ChildSpec, Timings

logger = logging.getLogger(__name__)

HURRY_SECONDS = 0.2


class Supervisor:
    """Runs children in the foreground. One a process: it owns the process's signals.

    `health_file` is touched as long as all children are well: a container's health check looks at
    its age, which costs nothing, where asking Django would cost a second of processor time.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        cwd: Path,
        timings: Timings | None = None,
        health_file: Path | None = None,
    ) -> None:
        self._timings = timings or Timings()
        self._children = [Child(spec, cwd=cwd, timings=self._timings) for spec in specs]
        self._health_file = health_file
        self._signals = reaper.open_signal_pipe(reaper.STOP_SIGNALS | {signal.SIGCHLD})

    def run(self) -> None:
        """Keep the children alive until SIGTERM, SIGINT or SIGHUP, then end them in order.

        A second signal ends them at once. When this process is killed instead, the reapers see
        their standard input close and end the children on their own.
        """
        try:
            told_to_stop = False
            while not told_to_stop:
                for child in self._children:
                    child.attend()
                self._report_health()
                told_to_stop = self._sleep_until(self._next_wake())
        finally:
            self._end_all()

    def _end_all(self) -> None:
        """Stop the children stage by stage; those of one stage together, in the order given."""
        hurry = False
        for stage in sorted({child.spec.stage for child in self._children}):
            ending = [child for child in self._children if child.spec.stage == stage]
            for child in ending:
                child.stop()
            while ending := [child for child in ending if not child.bury_if_dead()]:
                soonest = min(child.wake_at for child in ending)
                limit = time.monotonic() + HURRY_SECONDS if hurry else soonest
                hurry = self._sleep_until(limit) or hurry
                if hurry:
                    for child in ending:
                        child.stop()

    def _next_wake(self) -> float:
        soonest = min((child.wake_at for child in self._children), default=math.inf)
        if self._health_file is None:
            return soonest
        return min(soonest, time.monotonic() + self._timings.check_every)

    def _report_health(self) -> None:
        if self._health_file is not None and all(child.is_well() for child in self._children):
            self._health_file.touch()

    def _sleep_until(self, moment: float) -> bool:
        """Sleep until `moment` or a signal, a child's end included; True if told to stop."""
        timeout = None if moment == math.inf else max(0.0, moment - time.monotonic())
        if not select.select([self._signals], [], [], timeout)[0]:
            return False
        return any(number in reaper.STOP_SIGNALS for number in os.read(self._signals, 512))
