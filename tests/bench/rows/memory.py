"""Row 10: what the embedded default holds in memory at rest: web, workers and sandbox."""

import time

from tests.bench.measure.processes import memory_of
from tests.bench.report import Row, at_most
from tests.bench.sites.whole_site import WholeSite

REST_SECONDS = 15.0


def measure_memory(site: WholeSite, rounds: int) -> list[Row]:
    """Add up the processes' proportional shares, a few times over."""
    sizes = []
    for _ in range(rounds):
        time.sleep(REST_SECONDS / rounds)
        sizes.append(memory_of(site.supervisor))
    return [
        Row.of(
            "Memory at rest",
            "MB",
            sizes,
            ratio=sizes[-1],
            floor="MB in the last round",
            conditions="proportional set size of supervisor, web, both workers and sandbox, "
            "SQLite, after the films of row 9",
            number=10,
            gate=at_most(350),
            aim=at_most(300),
        )
    ]
