"""Insert rows of a model by one statement whose text is always the same."""

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.backends.utils import CursorWrapper

# Below what every supported database takes (SQLite 32,766; PostgreSQL 65,535).
_MOST_PARAMETERS = 16_000
# What goes into the database as it is, if it has the field's own type.
_AS_IT_IS = (
    models.BooleanField,
    models.CharField,
    models.IntegerField,
    models.TextField,
)

Row = TypeVar("Row", bound=models.Model)


class Insert(Generic[Row]):
    """The insert of a model's rows, for the few places where the ORM's own costs more than the
    database's work. The same number of rows is the same text, so that the database prepares it.
    """

    def __init__(self, model: type[Row]) -> None:
        """Read the columns from the model; an id that the database counts is left to it."""
        about = model._meta  # noqa: SLF001  # documented, if underlined
        self._fields: list[models.Field[Any, Any]] = [
            field for field in about.concrete_fields if not isinstance(field, models.AutoField)
        ]
        columns = ", ".join(f'"{field.column}"' for field in self._fields)
        self._start = f'INSERT INTO "{about.db_table}" ({columns}) VALUES '  # noqa: S608
        self._row = f"({', '.join(['%s'] * len(self._fields))})"
        self._values = attrgetter(*(field.attname for field in self._fields))

    def run(self, cursor: CursorWrapper, rows: Sequence[Row]) -> None:
        """Insert `rows`, whose values have their fields' types, as they are: without defaults and
        signals, and no ids are returned.

        Raises `IntegrityError` as the ORM does.
        """
        size = _MOST_PARAMETERS // len(self._fields)
        for first in range(0, len(rows), size):
            values: list[Any] = []
            some = rows[first : first + size]
            for row in some:
                at = len(values)
                values += self._values(row)
                for place, convert in self._conversions:
                    if values[at + place] is not None:
                        values[at + place] = convert(values[at + place])
            cursor.execute(self._start + ", ".join([self._row] * len(some)), values)
        for row in rows:
            state = row._state  # noqa: SLF001  # as above
            state.adding, state.db = False, cursor.db.alias

    @cached_property
    def _conversions(self) -> list[tuple[int, Callable[[Any], Any]]]:
        """Return what makes the database's values of Python's, by place."""
        return [
            (place, _conversion(field))
            for place, field in enumerate(self._fields)
            if field.choices or not isinstance(_stored_as(field), _AS_IT_IS)
        ]


def _stored_as(field: "models.Field[Any, Any]") -> "models.Field[Any, Any]":
    return field.target_field if isinstance(field, models.ForeignKey) else field


def _conversion(field: "models.Field[Any, Any]") -> Callable[[Any], Any]:
    return lambda value: field.get_db_prep_save(value, connection)
