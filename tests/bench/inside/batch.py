"""A batch beside one order at rest, by the service that all doors use."""

import time
from typing import Any

from tests.bench.inside.admission import Orders
from tests.bench.inside.statements import counted

BATCH = 500
ONES = 20


def main() -> dict[str, Any]:
    """Return the seconds of a batch and of one order, and the statements of both."""
    orders = Orders()
    for one in orders.made(ONES):
        orders.admit([one])
    seconds = []
    for one in orders.made(ONES):
        begun = time.perf_counter()
        orders.admit([one])
        seconds.append(time.perf_counter() - begun)
    made = orders.made(BATCH)
    begun = time.perf_counter()
    orders.admit(made)
    batch = time.perf_counter() - begun
    with counted() as of_one:
        orders.admit(orders.made(1))
    made = orders.made(BATCH)
    with counted() as of_batch:
        orders.admit(made)
    return {
        "batch": batch,
        "one": sorted(seconds)[ONES // 2],
        "statements": {"batch": len(of_batch.all), "one": len(of_one.all)},
    }
