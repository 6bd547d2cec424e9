"""The hosts of the installation: each with a folder of its own, run as an operator runs them."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from platform_site.management.commands.up import ROLES
from platform_site.supervisor import reaper

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 120.0
_STOP_SECONDS = 180.0  # more than `up` gives its children
_PATIENCE = "--patience=100"  # seconds of silence; a film's step may last for less
_MANY_THREADS = 8  # a sweep keeps a pool of them; no other step does


@dataclass(frozen=True, slots=True)
class Process:
    """One process as /proc shows it."""

    pid: int
    parent: int
    group: int
    command: bytes
    threads: int
    is_stopped: bool


class Runner:
    """A command under a reaper, so that nothing outlives the soak even when that is killed."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> None:
        """Prepare; start nothing yet."""
        self._command = command
        self._environment = dict(environment)
        self._log = log
        self._reaper: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Return whether its reaper lives."""
        return self._reaper is not None and self._reaper.poll() is None

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._reaper = subprocess.Popen(
                [sys.executable, "-I", "-S", reaper.__file__, str(_STOP_SECONDS), *self._command],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> int:
        """Ask it to end in order, and wait; return its exit status."""
        if self._reaper is None:
            return 0
        self._reaper.terminate()
        try:
            return self._reaper.wait(_STOP_SECONDS + 30)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once, with all that it has started."""
        if self._reaper is not None:
            for _ in range(2):
                self._reaper.terminate()
                time.sleep(0.1)
            self._reaper.wait(30)
            if self._reaper.stdin is not None:
                self._reaper.stdin.close()
            self._reaper = None


class Host:
    """One machine: web, if it has a port, and workers under `manage.py up`."""

    def __init__(
        self, name: str, folder: Path, *, port: int | None, environment: Mapping[str, str]
    ) -> None:
        """Make its folder; start nothing yet."""
        self.name = name
        self.folder = folder
        self.port = port
        (folder / "tmp").mkdir(parents=True)
        self.environment = {**environment, "DATA_DIR": str(folder), "TMPDIR": str(folder / "tmp")}
        what: tuple[str, ...] = ("--web-workers=2",)
        if port:
            self.environment["PORT"] = str(port)
        else:
            what = tuple(f"--only={role}" for role in ROLES if role not in {"web", "sandbox"})
        self._runner = Runner(
            (sys.executable, "manage.py", "up", "--no-migrate", _PATIENCE, *what),
            self.environment,
            folder / "up.log",
        )

    def start(self) -> None:
        """Start it, and wait until its web answers."""
        self._runner.start()
        if self.port:
            wait_for(f"http://127.0.0.1:{self.port}/healthz")

    def stop(self) -> int:
        """End it in order; return the exit status of `up`."""
        return self._runner.stop()

    def kill(self) -> None:
        """End it at once."""
        self._runner.kill()

    def revive(self) -> None:
        """Start it again after its death, as a machine's init does."""
        self._runner.kill()
        self._runner.start()

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a `manage.py` command on this host."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    # Its processes. Each cluster and each web server is a process group of its own.

    def processes(self) -> list[Process]:
        """Return the living processes of the host, reapers left out."""
        mark = f"\0DATA_DIR={self.folder}\0".encode()
        return [one for one in _all_processes(mark) if b"reaper.py" not in one.command]

    def supervisors(self) -> list[Process]:
        """Return `manage.py up`."""
        return [one for one in self.processes() if b"manage.py\0up" in one.command]

    def cluster_masters(self) -> list[Process]:
        """Return the process that leads each cluster."""
        return [one for one in self._of_clusters() if one.pid == one.group]

    def cluster_leaves(self) -> list[Process]:
        """Return the processes of clusters that have no children: workers and their helpers."""
        family = self._of_clusters()
        parents = {one.parent for one in family}
        return [one for one in family if one.pid not in parents]

    def sweeping(self) -> list[Process]:
        """Return the workers that sweep."""
        return [one for one in self.cluster_leaves() if one.threads >= _MANY_THREADS]

    def web_masters(self) -> list[Process]:
        """Return gunicorn's master."""
        return [one for one in self._of_web() if one.pid == one.group]

    def web_workers(self) -> list[Process]:
        """Return the processes that answer."""
        return [one for one in self._of_web() if one.pid != one.group]

    def group(self, leader: Process) -> list[Process]:
        """Return all of the group that a master leads."""
        return [one for one in self.processes() if one.group == leader.pid]

    def _of_clusters(self) -> list[Process]:
        return [one for one in self.processes() if b"manage.py\0worker" in one.command]

    def _of_web(self) -> list[Process]:
        return [one for one in self.processes() if b"gunicorn" in one.command]


def talking_to(port: int) -> set[int]:
    """Return the processes with an open connection to a loopback port."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "01" and int(words[2].rpartition(":")[2], 16) == port:
            inodes.add(f"socket:[{words[9]}]")
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and any(
                str(link.readlink()) in inodes for link in (entry / "fd").iterdir()
            ):
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def memory_of(hosts: list[Host]) -> int:
    """Return the memory of all hosts' processes in bytes, shared pages counted once."""
    total = 0
    for host in hosts:
        for process in host.processes():
            try:
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(
                int(line.split()[1]) * 1024 for line in rollup.splitlines() if line[:4] == "Pss:"
            )
    return total


def signal_all(processes: list[Process], number: signal.Signals) -> None:
    """Send a signal to processes, of which some may be gone."""
    for process in processes:
        reaper.send_signal(process.pid, number)


def wait_for(url: str) -> None:
    """Wait until an address answers 200. Raises TimeoutError."""
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends:
        try:
            if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer.")


def _all_processes(mark: bytes) -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark not in b"\0" + (entry / "environ").read_bytes() + b"\0":
                continue
            stat = (entry / "stat").read_text()
            words = stat[stat.rindex(")") + 2 :].split()
            yield Process(
                pid=int(entry.name),
                parent=int(words[1]),
                group=int(words[2]),
                command=(entry / "cmdline").read_bytes(),
                threads=int(words[17]),
                is_stopped=words[0] == "T",
            )
        except OSError:
            continue
