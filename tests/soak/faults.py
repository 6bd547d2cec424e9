"""Break things, one blow after the other, each at its place in the course of events."""

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from tests.soak.hosts import Host, Process, Runner, signal_all, talking_to
from tests.soak.plan import Blow, Kind
from tests.soak.tcp_proxy import Line, State
from tests.support.postgres import PrivatePostgres

log = structlog.get_logger(__name__)

# A blow comes at its place; when nothing moves for so long, the next one comes anyway.
_STALL_SECONDS = 20.0
_VICTIM_SECONDS = 20.0
_LINES = {
    Kind.LINE_CUT: State.CUT,
    Kind.LINE_REFUSED: State.REFUSED,
    Kind.LINE_STALLED: State.STALLED,
    Kind.LINE_BLACKHOLE: State.BLACKHOLE,
    Kind.LINE_MUTE: State.MUTE,
    Kind.LINE_DEAF: State.DEAF,
}


@dataclass(frozen=True, slots=True)
class World:
    """What can be broken."""

    hosts: Sequence[Host]
    postgres: PrivatePostgres
    vendor: Runner
    line: Line
    line_port: int


class Chaos:
    """A thread that deals the blows of a plan."""

    def __init__(self, blows: Sequence[Blow], world: World, *, progress: Callable[[], int]) -> None:
        """Prepare; `progress` tells how far the course of events is."""
        self._blows = blows
        self._world = world
        self._progress = progress
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos", daemon=True)
        self.dealt: Counter[Kind] = Counter()
        self.story: list[str] = []
        self._wakers: list[threading.Timer] = []
        self.frozen: list[tuple[Host, Process]] = []
        """Masters of the clusters that were frozen permanently."""
        self.problems: list[str] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Wait for the last blow, and for who is yet to wake; for each at most so long."""
        self._thread.join(seconds)
        self._stop.set()
        self._thread.join(60)
        for waker in self._wakers:
            waker.join(seconds)
            waker.cancel()

    def _run(self) -> None:
        for blow in self._blows:
            if not self._wait_for(blow.at):
                return
            try:
                detail = self._deal(blow)
            except Exception as error:
                log.exception("blow_failed", kind=blow.kind)
                self.problems.append(f"{blow.kind}: {type(error).__name__}: {error}")
                continue
            if detail is None:
                self.problems.append(f"{blow.kind}: there was nothing to strike")
                continue
            self.dealt[blow.kind] += 1
            self.story.append(f"at {self._progress()} ({blow.at}): {blow.kind}: {detail}")
            log.info("blow", kind=blow.kind.value, detail=detail, at=self._progress())

    def _wait_for(self, place: int) -> bool:
        """Wait for a place in the course of events; False when told to stop."""
        reached, since = self._progress(), time.monotonic()
        while reached < place and time.monotonic() - since < _STALL_SECONDS:
            if self._stop.wait(0.05):
                return False
            if (now := self._progress()) > reached:
                reached, since = now, time.monotonic()
        return not self._stop.is_set()

    def _deal(self, blow: Blow) -> str | None:
        """Strike; return who was struck, None when there was nobody for a while."""
        dice = random.Random(blow.dice)
        world = self._world
        if blow.kind in _LINES:
            world.line.become(_LINES[blow.kind])
            self._stop.wait(blow.seconds)
            world.line.become(State.OPEN)
            return f"for {blow.seconds:g} s"
        if blow.kind in {Kind.DATABASE_DIES, Kind.DATABASE_RESTARTS}:
            mode = "immediate" if blow.kind == Kind.DATABASE_DIES else "fast"
            world.postgres.restart(mode)
            return mode
        if blow.kind == Kind.VENDOR_DIES:
            world.vendor.kill()
            self._stop.wait(blow.seconds)
            world.vendor.start()
            return f"for {blow.seconds:g} s"
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < _VICTIM_SECONDS and not self._stop.is_set():
            # Who sweeps or sends may have nothing to do just then: then it is another worker.
            may_choose = blow.kind in {Kind.KILL_BUSY, Kind.KILL_SWEEP}
            struck = self._strike(blow, dice, anybody=may_choose and waited > _VICTIM_SECONDS / 2)
            if struck is not None:
                return struck
            time.sleep(0.1)
        return None

    def _strike(self, blow: Blow, dice: random.Random, *, anybody: bool = False) -> str | None:
        """Strike if there is such a victim, or any worker; return who was struck."""
        chosen = self._choose(Kind.KILL_IDLE if anybody else blow.kind, dice)
        if chosen is None:
            return None
        host, victim = chosen
        whole = blow.kind in {Kind.KILL_GROUP, Kind.FREEZE, Kind.PAUSE}
        victims = host.group(victim) if whole else [victim]
        if blow.kind == Kind.KILL_HOST:
            signal_all(victims, signal.SIGKILL)
            host.revive()
        elif blow.kind == Kind.FREEZE:
            signal_all(victims, signal.SIGSTOP)
            self.frozen.append((host, victim))
        elif blow.kind == Kind.PAUSE:
            signal_all(victims, signal.SIGSTOP)
            # Meanwhile the other blows go on.
            waker = threading.Timer(blow.seconds, signal_all, (victims, signal.SIGCONT))
            waker.start()
            self._wakers.append(waker)
        else:
            signal_all(victims, signal.SIGKILL)
        return f"{host.name} {' '.join(str(one.pid) for one in victims)}"

    def _choose(self, kind: Kind, dice: random.Random) -> tuple[Host, Process] | None:
        """Choose a host that has such a victim, and the victim."""
        talkers = talking_to(self._world.line_port) if kind == Kind.KILL_BUSY else set()
        hosts = list(self._world.hosts)
        dice.shuffle(hosts)
        for host in hosts:
            found = _candidates(host, kind, talkers)
            if found:
                return host, dice.choice(found)
        return None


def _candidates(host: Host, kind: Kind, talkers: set[int]) -> list[Process]:
    """Return the processes of which one may be struck; a frozen cluster is as good as dead."""
    if kind == Kind.KILL_HOST:
        return host.supervisors()
    if kind == Kind.KILL_WEB:
        return host.web_workers()
    if kind == Kind.KILL_WEB_MASTER:
        return host.web_masters()
    sweeping = host.sweeping()
    if kind == Kind.KILL_SWEEP:
        found = sweeping
    elif kind == Kind.KILL_BUSY:
        found = [one for one in host.cluster_leaves() if one.pid in talkers]
        found = [one for one in found if one not in sweeping] or found
    elif kind == Kind.KILL_IDLE:
        found = [one for one in host.cluster_leaves() if one not in sweeping]
    else:
        found = host.cluster_masters()
    return [one for one in found if not one.is_stopped]
