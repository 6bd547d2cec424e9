"""Count a block's SQL statements, those inside of transactions apart."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection


@dataclass
class Statements:
    """What was sent to the database, in order, but for BEGIN and COMMIT."""

    all: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)  # of a transaction

    def note(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        """Note one statement and execute it."""
        # Of the two, only SQLite's BEGIN comes by here.
        if not str(sql).startswith("BEGIN"):
            self.all.append(str(sql))
            if context["connection"].in_atomic_block:
                self.inside.append(str(sql))
        return execute(sql, params, many, context)


@contextlib.contextmanager
def counted() -> Iterator[Statements]:
    """Yield the statements of the block, which grow as it goes on."""
    statements = Statements()
    with connection.execute_wrapper(statements.note):
        yield statements
