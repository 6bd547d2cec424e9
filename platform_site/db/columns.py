"""The columns of a model in a static SELECT, and the instances that its rows hold."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Model

Row = TypeVar("Row", bound=Model)
_Convert = Callable[[Any], Any]


class Columns(Generic[Row]):
    """All columns of `model` under a table's `alias`, for the few places where the ORM takes
    longer to write a query than the database to answer it. Several may stand in one SELECT, one
    after the other.
    """

    def __init__(self, model: type[Row], alias: str) -> None:
        """Read the columns from the model."""
        self._model = model
        self._fields = model._meta.concrete_fields  # noqa: SLF001  # documented, if underlined
        self._names = [field.attname for field in self._fields]
        self.count = len(self._fields)
        self.text = ", ".join(f'{alias}."{field.column}"' for field in self._fields)

    def read(self, row: Sequence[Any], *, start: int = 0) -> Row:
        """Return the instance whose columns begin at `start` in a fetched row."""
        values = list(row[start : start + self.count])
        for place, convert in self._converters:
            values[place] = convert(values[place])
        return self._model.from_db(connection.alias, self._names, values)

    def read_joined(self, row: Sequence[Any], *, start: int) -> Row | None:
        """Return the instance as `read` does, or None where an outer join found none."""
        return None if row[start] is None else self.read(row, start=start)

    @cached_property
    def _converters(self) -> list[tuple[int, _Convert]]:
        """Return what makes Python's values of the database's, by place."""
        found = []
        for place, field in enumerate(self._fields):
            column = field.cached_col
            steps = [
                *connection.ops.get_db_converters(column),
                *field.get_db_converters(connection),
            ]
            if steps:
                found.append((place, _one_after_the_other(steps, column)))
        return found


def _one_after_the_other(steps: Sequence[Callable[..., Any]], column: Any) -> _Convert:
    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value, column, connection)
        return value

    return convert
