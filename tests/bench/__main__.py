"""`make bench`: measure, print a table, and write `var/bench.json`."""

import os
import sys
import traceback

from tests.bench.bench import bench
from tests.bench.report import table
from tests.bench.rows import accepting, admission, batch, doors, idle, reading
from tests.bench.sites.trees import BaseError

ROUNDS = 5
SUBJECTS = [
    ((1, 2, 11), accepting.measure),
    ((3,), admission.measure),
    ((4,), reading.measure),
    ((12,), batch.measure),
    ((13,), doors.measure),
    ((15,), idle.measure),
]


def main() -> int:
    """Run the rows that ONLY names, or all; return 1 when some could not be measured."""
    only = {int(word) for word in os.environ.get("ONLY", "").replace(",", " ").split()}
    rounds = int(os.environ.get("ROUNDS") or ROUNDS)
    failed = False
    try:
        with bench(base=os.environ.get("BASE", ""), rounds=rounds) as run:
            for numbers, measure in SUBJECTS:
                if only and not only & set(numbers):
                    continue
                try:
                    rows = measure(run)
                except Exception:
                    # One subject that cannot be measured does not take the others along.
                    traceback.print_exc()
                    failed = True
                    continue
                sys.stdout.write(table([row for row in rows if not only or row.number in only]))
                sys.stdout.flush()
    except BaseError as error:
        sys.exit(str(error))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
