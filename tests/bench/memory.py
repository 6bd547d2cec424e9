"""What the embedded default holds in memory at rest: web, workers and sandbox (row 10)."""

import time
from pathlib import Path

from tests.bench.report import Row
from tests.bench.whole_site import WholeSite

ROUNDS = 5
REST_SECONDS = 15.0
GATE = 600.0  # MB


def measure_memory(site: WholeSite) -> list[Row]:
    """Add up the processes' proportional shares, a few times over."""
    sizes = []
    for _ in range(ROUNDS):
        time.sleep(REST_SECONDS / ROUNDS)
        sizes.append(sum(_pss(pid) for pid in _tree(site.supervisor)))
    return [
        Row.of(
            "Memory at rest",
            "MB",
            sizes,
            ratio=sizes[-1] / GATE,
            floor=f"of {GATE:.0f} MB; aim 0.58",
            conditions="proportional set size of supervisor, web, both workers and sandbox, "
            "SQLite, after the films above",
        )
    ]


def _tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _pss(pid: int) -> float:
    """Return a process's proportional set size in MB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    [kilobytes] = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
    return kilobytes / 1000
