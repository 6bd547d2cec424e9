"""Insert rows of a model by one statement whose text is always the same."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

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

    def of(self, rows: Sequence[Row]) -> "Written":
        """Return what inserts `rows`, whose values have their fields' types, as they are: without
        defaults and signals, and no ids are returned.
        """
        size = _MOST_PARAMETERS // len(self._fields)
        statements = []
        for first in range(0, len(rows), size):
            values: list[Any] = []
            some = rows[first : first + size]
            for row in some:
                at = len(values)
                values += self._values(row)
                for place, convert in self._conversions:
                    if values[at + place] is not None:
                        values[at + place] = convert(values[at + place])
            statements.append((self._start + ", ".join([self._row] * len(some)), values))
        return Written(rows, statements)

    @cached_property
    def _conversions(self) -> list[tuple[int, Callable[[Any], Any]]]:
        """Return what makes the database's values of Python's, by place."""
        return [
            (place, _conversion(field))
            for place, field in enumerate(self._fields)
            if field.choices or not isinstance(_stored_as(field), _AS_IT_IS)
        ]


class Written(NamedTuple):
    """Rows, and the statements with their values that insert them."""

    rows: Sequence[models.Model]
    statements: Sequence[tuple[str, list[Any]]]


def insert(cursor: CursorWrapper, *writes: Written) -> None:
    """Insert the rows of several models, in one statement where the database can.

    That is the same statements, one within the other: what they ask of the database is little
    beside asking. Raises `IntegrityError` as the ORM does.
    """
    statements = [statement for write in writes for statement in write.statements]
    parameters = sum(len(values) for _, values in statements)
    if connection.vendor == "postgresql" and len(statements) > 1 and parameters <= _MOST_PARAMETERS:
        *before, (last, _) = statements
        parts = ", ".join(f"part_{number} AS ({text})" for number, (text, _) in enumerate(before))
        every = [value for _, values in statements for value in values]
        cursor.execute(f"WITH {parts} {last}", every)
    else:
        for text, values in statements:
            cursor.execute(text, values)
    for row in chain.from_iterable(write.rows for write in writes):
        state = row._state  # noqa: SLF001  # documented, if underlined
        state.adding, state.db = False, connection.alias


def _stored_as(field: "models.Field[Any, Any]") -> "models.Field[Any, Any]":
    return field.target_field if isinstance(field, models.ForeignKey) else field


def _conversion(field: "models.Field[Any, Any]") -> Callable[[Any], Any]:
    return lambda value: field.get_db_prep_save(value, connection)
