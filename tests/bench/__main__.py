"""`make bench`: measure, print a table, and write `var/bench.json`."""

import json
import platform
import sys
from dataclasses import asdict

from tests.bench.film_latency import measure_films
from tests.bench.memory import measure_memory
from tests.bench.polling_figures import (
    measure_callbacks,
    measure_curves,
    measure_flight,
    measure_sweep,
)
from tests.bench.report import Row, table
from tests.bench.whole_site import BENCH_JSON, whole_site


def main() -> None:
    """Run every benchmark and report."""
    rows: list[Row] = []
    with whole_site() as site:
        rows += measure_films(site)
        rows += measure_callbacks(site)
        rows += measure_memory(site)
    rows += measure_sweep()
    rows += measure_curves()
    rows += measure_flight()
    BENCH_JSON.parent.mkdir(parents=True, exist_ok=True)
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    report = {"machine": machine, "rows": [asdict(row) for row in rows]}
    BENCH_JSON.write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(table(rows))


if __name__ == "__main__":
    main()
