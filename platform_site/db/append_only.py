"""Rows that are written once: ledger entries, events, the audit trail."""

from typing import Any, NoReturn

from django.db import models


class AppendOnlyError(TypeError):
    """Somebody tried to change or delete a row that is written once."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Refuses bulk changes; inserts and reads pass."""

    def update(self, **_values: Any) -> NoReturn:
        """Refuse: a correction is a new row."""
        raise AppendOnlyError(f"{self.model.__name__} rows are written once.")

    def delete(self) -> NoReturn:
        """Refuse: history stays."""
        raise AppendOnlyError(f"{self.model.__name__} rows are never deleted.")


class AppendOnlyModel(models.Model):
    """Base of models whose rows are inserted and never touched again."""

    objects: Any = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; refuse to write over a stored row."""
        if not self._state.adding:
            raise AppendOnlyError(f"{type(self).__name__} rows are written once.")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: history stays."""
        raise AppendOnlyError(f"{type(self).__name__} rows are never deleted.")
