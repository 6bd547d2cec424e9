"""Let many threads do the same thing at once, each with a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")


def race(count: int, work: Callable[[int], Result]) -> list[Result | Exception]:
    """Call `work(0)` to `work(count - 1)` at once; return what each returned or raised.

    The test must be transactional, or the threads see nothing of its rows.
    """
    barrier = threading.Barrier(count, timeout=60)

    def run(number: int) -> Result | Exception:
        try:
            barrier.wait()
            return work(number)
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
