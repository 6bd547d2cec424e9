"""Let something happen between two statements of one transaction, as a commit of another would.

On SQLite a transaction that writes has the database to itself, so that no second one could come
between; on PostgreSQL it could. What happens runs on the same connection, and is undone with it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

Happening = Callable[[], object]


@contextmanager
def before(sql: str, happens: Happening, *, times: int = 1) -> Iterator[None]:
    """Call `happens` right before each of the next `times` statements that have `sql` in them.

    Its own statements do not count. Fails when fewer came.
    """
    left, busy = times, False

    def run(execute: Any, statement: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left, busy
        if left and not busy and sql in statement:
            left, busy = left - 1, True
            try:
                happens()
            finally:
                busy = False
        return execute(statement, params, many, context)

    with connection.execute_wrapper(run):
        yield
    assert not left, f"{left} more statements with {sql!r} were to come"
