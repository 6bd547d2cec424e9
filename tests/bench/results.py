"""What runs found, kept in `var/bench.json`: a run replaces the rows that it measured."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.report import Goal, Row
from tests.bench.sites.trees import ROOT

BENCH_JSON = ROOT / "var" / "bench.json"


@dataclass(frozen=True)
class Result:
    """A row and the run that it is from."""

    row: Row
    commit: str
    base: str  # the commit compared with; empty without one
    day: str
    machine: str


def machine() -> str:
    """Describe this machine in a line."""
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def results_of(rows: Sequence[Row], *, commit: str, base: str) -> list[Result]:
    """Return rows with what the page says of their run."""
    day = datetime.now(UTC).date().isoformat()
    return [Result(row, commit, base, day, machine()) for row in rows]


def keep(results: Sequence[Result]) -> None:
    """Write results to `var/bench.json`, in place of earlier ones of the same rows."""
    fresh = {(one.row.number, one.row.name) for one in results}
    numbers = {one.row.number for one in results if one.row.number}
    kept = [
        one
        for one in kept_results()
        if (one.row.number, one.row.name) not in fresh and one.row.number not in numbers
    ]
    everything = sorted([*kept, *results], key=lambda one: one.row.number or 100)
    BENCH_JSON.parent.mkdir(parents=True, exist_ok=True)
    BENCH_JSON.write_text(json.dumps([asdict(one) for one in everything], indent=2) + "\n")


def kept_results() -> list[Result]:
    """Return the results of earlier runs, by number."""
    try:
        found = json.loads(BENCH_JSON.read_text())
    except (OSError, ValueError):
        return []
    return [_result(one) for one in found] if isinstance(found, list) else []


def _result(found: dict[str, Any]) -> Result:
    row = dict(found["row"])
    for goal in ("gate", "aim"):
        row[goal] = Goal(**row[goal]) if row[goal] else None
    row["problems"] = tuple(row["problems"])
    return Result(**{**found, "row": Row(**row)})
