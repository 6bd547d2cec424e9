"""Row 12: a batch of 500 beside one generation at rest."""

from statistics import median
from typing import Any

from tests.bench.bench import Bench
from tests.bench.report import Row, at_most
from tests.bench.sites.trees import Tree


def measure(bench: Bench) -> list[Row]:
    """Admit batches and single generations in one process."""

    def round_(tree: Tree) -> Any:
        return bench.installation(tree).inside("batch")

    figures = bench.interleaved(round_)
    ours, theirs = figures["this"], figures.get("base", [])
    ratios = [one["batch"] / one["one"] for one in ours]
    statements = ours[-1]["statements"]
    beside = ""
    if theirs and bench.base:
        other = median(one["batch"] / one["one"] for one in theirs)
        beside = f"; {bench.base.commit}: {other:.0f} times"
    return [
        Row.of(
            "A batch of 500 admitted",
            "s",
            [one["batch"] for one in ours],
            ratio=median(ratios),
            floor=f"times one at rest, {1000 * ours[-1]['one']:.1f} ms; a loop takes 500",
            conditions=f"PostgreSQL, in one process, two limits over each; {statements['batch']} "
            f"statements, one has {statements['one']}{beside}",
            number=12,
            gate=at_most(50),
            aim=at_most(25),
        )
    ]
