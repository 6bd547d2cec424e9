"""When the next row of anything is due, of many tables, in one statement that is compiled once.

A loop that has nothing to do sleeps until then. Each kind costs the database one look into an
index; the ORM would take longer to write the statement than the database to answer it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import F, QuerySet


@dataclass(frozen=True, slots=True)
class DueRows:
    """Rows of one kind, of which each is due at the time in `column`, and never without one."""

    rows: "QuerySet[Any]"
    column: str


class DueTimes:
    """The soonest due time of each of some kinds of rows. Use it in one thread."""

    def __init__(self, kinds: Sequence[DueRows]) -> None:
        """Ask nothing yet."""
        self._kinds = tuple(kinds)
        self._statement: tuple[str, list[Any]] | None = None

    def read(self) -> list[datetime | None]:
        """Return the soonest time of each kind, in their order; None for one without rows."""
        if self._statement is None:
            self._statement = self._compiled()
        with connection.cursor() as cursor:
            cursor.execute(*self._statement)
            found = cursor.fetchone()
        return [_time_of(value) for value in found]

    def _compiled(self) -> tuple[str, list[Any]]:
        parts, params = [], []
        for kind in self._kinds:
            rows = kind.rows.filter(**{f"{kind.column}__isnull": False})
            query = rows.order_by().values(due_at=F(kind.column)).query
            sql, its_params = query.get_compiler(connection=connection).as_sql()
            parts.append(f"(SELECT MIN(due_at) FROM ({sql}) AS rows_due)")  # noqa: S608 (the ORM's)
            params += its_params
        return f"SELECT {', '.join(parts)}", params


def _time_of(value: datetime | str | None) -> datetime | None:
    # SQLite keeps times as text, in UTC; of a MIN it does not say that it is one.
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value
