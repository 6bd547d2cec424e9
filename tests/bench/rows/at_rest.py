"""Rows 8, 9 and 10, on one whole site as `make run` starts it, with the sandbox."""

from tests.bench.bench import Bench
from tests.bench.report import Row
from tests.bench.rows.films import measure_films
from tests.bench.rows.memory import measure_memory
from tests.bench.rows.polling import measure_callbacks
from tests.bench.sites.whole_site import whole_site


def measure(bench: Bench) -> list[Row]:
    """Make films, settle by callbacks, and weigh what is left."""
    with whole_site() as site:
        return [
            *measure_films(site, bench.rounds),
            *measure_callbacks(site),
            *measure_memory(site, bench.rounds),
        ]
