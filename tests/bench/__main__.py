"""`make bench`: measure, print a table, write `var/bench.json` and, of all rows, the page."""

import os
import signal
import sys
import traceback
from collections.abc import Callable

from tests.bench import page
from tests.bench.bench import Bench, bench
from tests.bench.report import Row, table
from tests.bench.results import keep, results_of
from tests.bench.rows import (
    accepting,
    admission,
    at_rest,
    batch,
    doors,
    growth,
    idle,
    polling,
    reading,
    spending,
    studio,
)
from tests.bench.sites.trees import BaseError

ROUNDS = 5
SUBJECTS: list[tuple[tuple[int, ...], Callable[[Bench], list[Row]]]] = [
    ((1, 2, 11), accepting.measure),
    ((3,), admission.measure),
    ((4,), reading.measure),
    ((5,), spending.measure),
    ((7,), polling.measure_sweep),
    ((8, 9, 10), at_rest.measure),
    ((12,), batch.measure),
    ((13,), doors.measure),
    ((14,), growth.measure),
    ((15,), idle.measure),
    ((16,), studio.measure),
    ((0,), polling.measure_curves),
    ((0,), polling.measure_flight),
]


def main() -> int:
    """Run the rows that ONLY names, or all; return 1 when some could not be measured."""
    only = {int(word) for word in os.environ.get("ONLY", "").replace(",", " ").split()}
    failed = False
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    try:
        with bench(
            base=os.environ.get("BASE", ""), rounds=int(os.environ.get("ROUNDS") or ROUNDS)
        ) as run:
            for note in run.notes():
                sys.stderr.write(f"{note}.\n")
            for numbers, measure in SUBJECTS:
                if only and not only & set(numbers):
                    continue
                sys.stderr.write(f"Rows {', '.join(map(str, numbers))} …\n")
                try:
                    rows = measure(run)
                except Exception:
                    # One subject that cannot be measured does not take the others along.
                    traceback.print_exc()
                    failed = True
                    continue
                rows = [row for row in rows if not only or row.number in only]
                base = run.base.commit if run.base else ""
                keep(results_of(rows, commit=run.this.commit, base=base))
                sys.stdout.write(table(rows))
                sys.stdout.flush()
    except BaseError as error:
        sys.exit(str(error))
    if not only:
        page.main()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
