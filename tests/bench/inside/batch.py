"""A batch beside one generation at rest, by the service that all doors use."""

import time
from typing import Any

from tests.bench.inside.admission import Submissions
from tests.bench.inside.statements import counted

BATCH = 500
ONES = 20


def main() -> dict[str, Any]:
    """Return the seconds of a batch and of one generation, and the statements of both."""
    submissions = Submissions()
    for one in submissions.made(ONES):
        submissions.admit([one])
    seconds = []
    for one in submissions.made(ONES):
        begun = time.perf_counter()
        submissions.admit([one])
        seconds.append(time.perf_counter() - begun)
    made = submissions.made(BATCH)
    begun = time.perf_counter()
    submissions.admit(made)
    batch = time.perf_counter() - begun
    with counted() as of_one:
        submissions.admit(submissions.made(1))
    made = submissions.made(BATCH)
    with counted() as of_batch:
        submissions.admit(made)
    return {
        "batch": batch,
        "one": sorted(seconds)[ONES // 2],
        "statements": {"batch": len(of_batch.all), "one": len(of_one.all)},
    }
