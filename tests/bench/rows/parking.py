"""Keep the sweep away from what was accepted, where polls are not what is measured."""

import contextlib
import threading
from collections.abc import Iterator

from tests.bench.sites.installation import RunningSite

_PARK_SECONDS = 0.4  # a first poll is due after a second


@contextlib.contextmanager
def unpolled(site: RunningSite) -> Iterator[None]:
    """Take what was accepted out of the sweep's sight: polls are row 7's, and their number differs
    with how long a round takes.
    """
    over = threading.Event()

    def park() -> None:
        while not over.wait(_PARK_SECONDS):
            site.database.sql(
                "UPDATE generations_generation SET next_poll_at = NULL "
                "WHERE next_poll_at IS NOT NULL"
            )

    thread = threading.Thread(target=park)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
