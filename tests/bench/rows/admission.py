"""Row 3: an admission alone, its statements and its CPU beside the fixed floor's."""

from typing import Any

from tests.bench.bench import Bench
from tests.bench.floor import Floor, measure_floor
from tests.bench.report import Row, at_most, ratio_of, spread_of
from tests.bench.sites.trees import Tree

ADMISSIONS = 600


def measure(bench: Bench) -> list[Row]:
    """Admit some submissions in one process, in turn with the floor."""
    floors: list[Floor] = []

    def round_(tree: Tree) -> Any:
        if tree is bench.this:
            floors.extend(measure_floor(bench.server_url, 1))
        installation = bench.installation(tree)
        [server] = installation.database.servers
        return installation.inside("admission", str(ADMISSIONS), str(server))

    figures = bench.interleaved(round_)
    ours, theirs = figures["this"], figures.get("base", [])
    cpu = [one["cpu"] for one in ours]
    floor = [one.admission for one in floors]
    beside = ""
    if theirs and bench.base:
        base_cpu = spread_of([one["cpu"] for one in theirs])
        beside = f"; {bench.base.commit}: {theirs[0]['inside']} statements, {base_cpu} ms of CPU"
    conditions = (
        f"{ADMISSIONS} submissions one after the other in one process, PostgreSQL, two limits over "
        f"each{beside}"
    )
    inside = [one["inside"] for one in ours]
    return [
        Row.of(
            "Statements inside an admission's transaction",
            "statements",
            inside,
            ratio=float(inside[-1]),
            floor=f"statements; {ours[-1]['statements']} with those before it",
            conditions=conditions,
            number=3,
            gate=at_most(6),
            aim=at_most(4),
        ),
        Row.of(
            "CPU of an admission alone, process and database",
            "ms",
            cpu,
            ratio=ratio_of(cpu, floor),
            floor=f"times the fixed floor's {spread_of(floor)} ms",
            conditions=conditions,
            number=3,
            gate=at_most(6),
            aim=at_most(3),
        ),
    ]
