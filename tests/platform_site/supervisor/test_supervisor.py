"""The supervisor, with real processes: each test starts one and looks at what /proc shows."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.processes import PATIENCE, REPOSITORY, alive
from tests.support.waiting import until

# A master that forks as gunicorn and django-q2 do. Every process notes its id under its role, and
# carries the folder's name on its command line, which is how leftovers are found.
CHILD = """
import os, pathlib, signal, sys, time
folder, name, manner = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
def note(event):
    with (folder / "events").open("a") as file:
        file.write(f"{name} {event} {os.getpid()} {time.monotonic()}\\n")
def told(number, frame):
    note("told")
    if manner != "stubborn":
        sys.exit(0)
signal.signal(signal.SIGTERM, told)
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        note("stray")
        time.sleep(600)
    note("worker")
    while True:
        (folder / f"{name}.beat").touch()
        time.sleep(0.05)
note("master")
if manner == "short-lived":
    sys.exit(3)
while True:
    time.sleep(600)
"""

DRIVER = """
import json, logging, pathlib, sys, time
from platform_site.supervisor.child import ChildSpec, Timings
from platform_site.supervisor.supervise import Supervisor
logging.basicConfig(level="INFO", stream=sys.stderr)
folder = pathlib.Path(sys.argv[1])
plan = json.loads((folder / "plan.json").read_text())
def silence_of(name):
    def silence():
        beat = folder / f"{name}.beat"
        return time.time() - beat.stat().st_mtime if beat.exists() else None
    return silence
specs = [
    ChildSpec(
        name=name,
        command=(sys.executable, str(folder / "child.py"), str(folder), name, manner),
        silence=silence_of(name),
        patience=plan["patience"],
        replace_when_silent=plan["replace_when_silent"],
        on_ready=lambda name=name: print(f"{name} is ready", flush=True),
        stage=plan["stages"].get(name, 0),
    )
    for name, manner in plan["children"].items()
]
timings = Timings(**plan["timings"])
Supervisor(specs, cwd=folder, timings=timings, health_file=folder / "healthy").run()
print("ended", flush=True)
"""


@dataclass
class Started:
    """A running supervisor and the events that its children have noted."""

    folder: Path
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    def events(self, name: str, event: str) -> list[tuple[int, float]]:
        """Return (process id, moment) of each such event, in order."""
        file = self.folder / "events"
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [(int(e[2]), float(e[3])) for e in lines if e[:2] == [name, event]]

    def wait_for(self, name: str, event: str, *, count: int = 1) -> int:
        """Wait until `event` was noted `count` times; return the process id of that time."""
        until(lambda: len(self.events(name, event)) >= count, seconds=PATIENCE)
        return self.events(name, event)[count - 1][0]

    def wait_for_all_roles(self, name: str, *, count: int = 1) -> list[int]:
        """Return the ids of the `count`-th master, worker and stray of a child."""
        roles = ("master", "worker", "stray")
        return [self.wait_for(name, role, count=count) for role in roles]

    def end(self) -> None:
        """Send SIGTERM and wait for the end."""
        self.process.send_signal(signal.SIGTERM)
        self.output.append(self.process.communicate(timeout=PATIENCE)[0])


Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor over children given as name=manner; nothing of it outlives the test."""
    running: list[subprocess.Popen[str]] = []

    def start_one(
        *,
        patience: float = 60.0,
        replace_when_silent: bool = False,
        grace: float = 10.0,
        stages: dict[str, int] | None = None,
        **manners: str,
    ) -> Started:
        timings = {
            "grace": grace,
            "check_every": 0.1,
            "first_check_every": 0.05,
            "first_delay": 0.1,
            "longest_delay": 0.4,
        }
        plan = {
            "children": manners,
            "patience": patience,
            "replace_when_silent": replace_when_silent,
            "stages": stages or {},
            "timings": timings,
        }
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        (tmp_path / "child.py").write_text(CHILD)
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(tmp_path)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return Started(tmp_path, process)

    yield start_one
    for process in running:
        process.kill()
        process.communicate(timeout=PATIENCE)
    until(lambda: not alive(tmp_path), seconds=PATIENCE)


def test_sigterm_ends_everything_in_order_and_exits_with_success(start: Start) -> None:
    started = start(worker="plain", web="stubborn", stages={"web": 1, "worker": 2}, grace=0.5)
    for name in ("web", "worker"):
        started.wait_for_all_roles(name)

    started.end()

    assert started.process.returncode == 0
    assert started.output[0].endswith("ended\n")
    waited = started.events("worker", "told")[0][1] - started.events("web", "told")[0][1]
    assert waited >= 0.4, "the worker is asked when the web has gone"
    assert alive(started.folder) == []


def test_children_of_one_stage_are_stopped_together(start: Start) -> None:
    started = start(worker="stubborn", films="plain", grace=600.0)
    for name in ("worker", "films"):
        started.wait_for_all_roles(name)

    started.process.send_signal(signal.SIGTERM)

    started.wait_for("films", "told")  # Though the worker never ends.
    started.end()
    assert alive(started.folder) == []


def test_only_the_master_is_told_to_stop(start: Start) -> None:
    started = start(web="plain")
    master, _, _ = started.wait_for_all_roles("web")

    started.end()

    assert [pid for pid, _ in started.events("web", "told")] == [master]


def test_ctrl_c_ends_everything_too(start: Start) -> None:
    started = start(web="plain")
    started.wait_for_all_roles("web")

    started.process.send_signal(signal.SIGINT)

    assert started.process.wait(PATIENCE) == 0
    assert alive(started.folder) == []


def test_nothing_is_left_behind_when_the_supervisor_is_killed(start: Start) -> None:
    started = start(web="plain", worker="plain")
    masters = [started.wait_for_all_roles(name)[0] for name in ("web", "worker")]

    started.process.kill()
    until(lambda: not alive(started.folder), seconds=PATIENCE)

    told = started.events("web", "told") + started.events("worker", "told")
    assert sorted(pid for pid, _ in told) == sorted(masters), "masters are asked before the kill"


def test_nothing_stubborn_is_left_behind_when_the_supervisor_is_killed(start: Start) -> None:
    started = start(web="stubborn", grace=0.3)
    started.wait_for_all_roles("web")

    started.process.kill()

    until(lambda: not alive(started.folder), seconds=PATIENCE)


def test_a_child_that_does_not_obey_is_killed_after_the_grace(start: Start) -> None:
    started = start(web="stubborn", grace=0.5)
    started.wait_for_all_roles("web")

    asked_at = time.monotonic()
    started.end()

    assert time.monotonic() - asked_at >= 0.5
    assert started.process.returncode == 0
    assert alive(started.folder) == []


def test_a_second_signal_does_not_wait_for_the_grace(start: Start) -> None:
    started = start(web="stubborn", grace=600.0)
    started.wait_for_all_roles("web")
    started.process.send_signal(signal.SIGINT)
    started.wait_for("web", "told")

    started.end()

    assert started.process.returncode == 0
    assert alive(started.folder) == []


def test_a_killed_child_is_restarted_and_its_orphans_are_ended(start: Start) -> None:
    started = start(web="plain")
    first = started.wait_for_all_roles("web")

    os.kill(first[0], signal.SIGKILL)
    second = started.wait_for_all_roles("web", count=2)

    assert not set(first) & set(alive(started.folder))
    assert set(second) <= set(alive(started.folder))


def test_a_killed_keeper_takes_its_child_along_and_is_replaced(start: Start) -> None:
    started = start(web="plain")
    master, worker, stray = started.wait_for_all_roles("web")
    os.kill(stray, signal.SIGKILL)  # Only the reaper could have found it.

    os.kill(os.getsid(master), signal.SIGKILL)
    started.wait_for_all_roles("web", count=2)

    assert not {master, worker} & set(alive(started.folder))


def test_the_delay_before_a_restart_doubles_up_to_a_limit(start: Start) -> None:
    started = start(web="short-lived")
    started.wait_for("web", "master", count=6)
    moments = [moment for _, moment in started.events("web", "master")]

    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]

    for gap, least in zip(gaps, (0.1, 0.2, 0.4, 0.4, 0.4), strict=False):
        assert gap >= least
    assert gaps[4] < 0.4 * 2 + 5, "without a limit it would go on doubling"


def test_a_frozen_group_is_replaced_when_its_beat_is_stale(start: Start) -> None:
    started = start(worker="stubborn", patience=1.0, replace_when_silent=True, grace=0.3)
    first = started.wait_for_all_roles("worker")

    os.killpg(first[0], signal.SIGSTOP)
    second = started.wait_for_all_roles("worker", count=2)

    assert not set(first) & set(alive(started.folder))
    assert set(second) <= set(alive(started.folder))


def test_a_group_that_keeps_beating_is_left_alone(start: Start) -> None:
    started = start(worker="plain", patience=3.0, replace_when_silent=True)
    started.wait_for_all_roles("worker")

    time.sleep(4.5)

    assert len(started.events("worker", "master")) == 1


def test_a_silent_child_that_is_not_to_be_replaced_is_left_alone(start: Start) -> None:
    started = start(web="plain", patience=0.3)
    master, *_ = started.wait_for_all_roles("web")

    os.killpg(master, signal.SIGSTOP)
    time.sleep(1.0)

    assert len(started.events("web", "master")) == 1
    os.killpg(master, signal.SIGCONT)


def test_readiness_is_announced_once(start: Start) -> None:
    started = start(web="plain")
    first = started.wait_for_all_roles("web")
    until((started.folder / "healthy").exists, seconds=PATIENCE)
    os.kill(first[0], signal.SIGKILL)
    started.wait_for_all_roles("web", count=2)

    started.end()

    assert started.output[0].count("web is ready") == 1


def test_the_health_file_is_touched_only_while_all_children_are_well(start: Start) -> None:
    started = start(web="plain", worker="plain", patience=0.5)
    master = started.wait_for_all_roles("web")[0]
    health_file = started.folder / "healthy"
    until(health_file.exists, seconds=PATIENCE)

    os.killpg(master, signal.SIGSTOP)
    time.sleep(1.0)
    health_file.unlink()
    time.sleep(0.5)

    assert not health_file.exists()
    os.killpg(master, signal.SIGCONT)
    until(health_file.exists, seconds=PATIENCE)
