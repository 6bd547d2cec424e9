"""Row 14: other rows again on a site that holds very many generations, beside one with few."""

import os
from collections.abc import Callable
from dataclasses import replace
from statistics import median

from tests.bench.bench import Bench
from tests.bench.report import Row, at_most, spread_of
from tests.bench.rows import accepting, batch, doors, polling, reading, studio

FEW = 10_000
SUBJECTS: list[Callable[[Bench], list[Row]]] = [
    reading.measure,
    polling.measure_postgres_sweep,
    accepting.measure,
    batch.measure,
    doors.measure_postgres,
    studio.measure,
]
NUMBERS = frozenset({4, 7, 11, 12, 13, 16})


def measure(bench: Bench) -> list[Row]:
    """Measure with few and with ROWS, in turn; without ROWS there is nothing to measure."""
    many = int(os.environ.get("ROWS") or 0)
    if not many:
        return []
    sizes = {size: bench.holding(size) for size in (FEW, many)}
    rows = []
    for subject in SUBJECTS:
        found: dict[int, list[list[Row]]] = {FEW: [], many: []}
        for _ in range(bench.rounds):
            for size, run in sizes.items():
                found[size].append([row for row in subject(run) if row.number in NUMBERS])
        for place in range(len(found[FEW][0])):
            few, much = ([one[place] for one in found[size]] for size in sizes)
            rows.append(_compared(few, much, many))
    return rows


def _compared(few: list[Row], much: list[Row], many: int) -> Row:
    """Return how much dearer, or slower, one row is on the larger site."""
    first = much[0]
    base = [row.median for row in few]
    figures = [row.median for row in much]
    ratio = median(figures) / median(base)
    is_speed = first.unit == "a second"
    return replace(
        Row.of(
            f"Row {first.number}, {first.name}, at {many:,} generations",
            first.unit,
            figures,
            ratio=1 / ratio if is_speed else ratio,
            floor=f"times as {'slow' if is_speed else 'much'} as at {FEW:,}: {spread_of(base)}",
            conditions=f"PostgreSQL, 500 teams with 5 limits each; as row {first.number} otherwise",
            number=14,
            gate=at_most(1.3),
            aim=at_most(1.1),
        ),
        problems=tuple(problem for row in (*few, *much) for problem in row.problems),
    )
