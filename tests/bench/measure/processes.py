"""What a process and all that descend from it have used, read from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# Of /proc/PID/stat, counted behind the name: see proc(5).
_PARENT, _OWN_AND_WAITED_FOR = 1, slice(11, 15)


@dataclass(frozen=True)
class Used:
    """CPU seconds and context switches since the processes began."""

    cpu: float
    switches: int

    def __sub__(self, earlier: "Used") -> "Used":
        """Return what was used since `earlier`."""
        return Used(self.cpu - earlier.cpu, self.switches - earlier.switches)


def used_by(*roots: int) -> Used:
    """Return what the trees under `roots` used, children that ended and were waited for included.

    Context switches are those of living processes only.
    """
    pids = {pid for root in roots for pid in tree_of(root)}
    return Used(sum(map(_cpu, pids)), sum(map(_switches, pids)))


def tree_of(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        fields = _stat(int(stat.parent.name))
        if fields:
            children.setdefault(int(fields[_PARENT]), []).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def parent_of(pid: int) -> int:
    """Return the id of a living process's parent."""
    return int(_stat(pid)[_PARENT])


def memory_of(root: int) -> float:
    """Return the proportional set size of a tree in MB."""
    return sum(_proportional_size(pid) for pid in tree_of(root))


def _stat(pid: int) -> list[str]:
    """Return the fields behind the name, which may hold anything; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pid: int) -> float:
    return sum(map(int, _stat(pid)[_OWN_AND_WAITED_FOR])) / _TICKS


def _switches(pid: int) -> int:
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            lines = status.read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)
    return total


def _proportional_size(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000
