"""Insert rows of a model by one statement whose text is always the same."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import AutoField, Model

# Below what every supported database takes (SQLite 32,766; PostgreSQL 65,535).
_MOST_PARAMETERS = 16_000

Row = TypeVar("Row", bound=Model)


class Insert(Generic[Row]):
    """The insert of a model's rows, for the few places where the ORM's own costs more than the
    database's work. The same number of rows is the same text, so that the database prepares it.
    """

    def __init__(self, model: type[Row]) -> None:
        """Read the columns from the model; an id that the database counts is left to it."""
        about = model._meta  # noqa: SLF001  # documented, if underlined
        self._fields = [
            field for field in about.concrete_fields if not isinstance(field, AutoField)
        ]
        columns = ", ".join(f'"{field.column}"' for field in self._fields)
        self._start = f'INSERT INTO "{about.db_table}" ({columns}) VALUES '  # noqa: S608
        self._row = f"({', '.join(['%s'] * len(self._fields))})"

    def run(self, rows: Sequence[Row]) -> None:
        """Insert `rows` as they are: no defaults, no signals, and no ids returned.

        Raises `IntegrityError` as the ORM does.
        """
        size = _MOST_PARAMETERS // len(self._fields)
        for first in range(0, len(rows), size):
            some = rows[first : first + size]
            text = self._start + ", ".join([self._row] * len(some))
            with connection.cursor() as cursor:
                cursor.execute(text, list(chain.from_iterable(map(self._values, some))))
        for row in rows:
            state = row._state  # noqa: SLF001  # as above
            state.adding, state.db = False, connection.alias

    def _values(self, row: Row) -> list[Any]:
        return [
            field.get_db_prep_save(getattr(row, field.attname), connection)
            for field in self._fields
        ]
