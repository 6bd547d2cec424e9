"""Row 15: what the embedded default does when nobody asks anything of it."""

import time
from dataclasses import dataclass
from statistics import median

from tests.bench.bench import Bench
from tests.bench.measure.processes import memory_of, tree_of
from tests.bench.report import Row, at_most, spread_of
from tests.bench.sites.trees import Tree

SETTLE_SECONDS = 25.0
SECONDS = 60.0


@dataclass(frozen=True)
class Idle:
    """One round."""

    share: float  # of one core, percent
    wake_ups: float  # a second
    processes: int
    memory: float  # MB


def measure(bench: Bench) -> list[Row]:
    """Watch whole sites at rest, in turn."""

    def round_(tree: Tree) -> Idle:
        with bench.installation(tree, "SQLite").running(with_sandbox=True) as site:
            time.sleep(SETTLE_SECONDS)
            before = site.used()
            time.sleep(SECONDS)
            used = site.used() - before
            processes = len(tree_of(site.supervisor))
            memory = memory_of(site.supervisor)
        return Idle(100 * used.cpu / SECONDS, used.switches / SECONDS, processes, memory)

    figures = bench.interleaved(round_)
    ours, theirs = figures["this"], figures.get("base", [])
    share, wake_ups = [one.share for one in ours], [one.wake_ups for one in ours]
    beside = ""
    if theirs and bench.base:
        beside = (
            f"; {bench.base.commit}: {spread_of([one.share for one in theirs])}%, "
            f"{spread_of([one.wake_ups for one in theirs])} wake-ups"
        )
    conditions = (
        f"`manage.py up --sandbox` on SQLite, {SECONDS:.0f} s after {SETTLE_SECONDS:.0f} s, "
        f"{ours[-1].processes} processes, {median(one.memory for one in ours):.0f} MB{beside}"
    )
    return [
        Row.of(
            "Idle: share of one core",
            "percent",
            share,
            ratio=median(share),
            floor="percent of one core",
            conditions=conditions,
            number=15,
            gate=at_most(1),
            aim=at_most(0.3),
        ),
        Row.of(
            "Idle: wake-ups",
            "a second",
            wake_ups,
            ratio=median(wake_ups),
            floor="context switches of all its processes a second",
            conditions=conditions,
            number=15,
            gate=at_most(20),
            aim=at_most(8),
        ),
    ]
