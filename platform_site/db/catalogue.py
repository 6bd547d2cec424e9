"""What rarely changes and much rests on: models, prices, rules, keys. Each process remembers it.

One random number in the database stands for the state of all of it. Every change through a
`CatalogueModel` gives it another, in the change's own transaction. Who is about to act reads the
number first and then what is remembered under it, which may thus be fresher than its number and
never older; an admission proves in its transaction that the number still stands, so that nothing
stale is ever charged.
"""

from collections.abc import Callable, Collection, Hashable
from typing import Any, ClassVar, TypeVar

from django.db import connection, models
from django.db.models.signals import post_migrate

from platform_site.db.remembered import fresh_version
from platform_site.models import CATALOGUE, Version

# For statements that read the version with something else, or prove that it still stands.
CATALOGUE_VERSION = (
    f"coalesce((SELECT number FROM platform_site_version WHERE name = '{CATALOGUE}'), 0)"  # noqa: S608
)

Value = TypeVar("Value")


class Catalogue:
    """What this process remembers of one `version`; empty at first."""

    def __init__(self, version: int) -> None:
        """Remember nothing yet."""
        self.version = version
        self._values: dict[Hashable, Any] = {}

    def recall(self, what: Hashable, read: Callable[[], Value]) -> Value:
        """Return what `read` returned for `what` when it was first asked for."""
        try:
            value: Value = self._values[what]
        except KeyError:
            value = self._values[what] = read()
        return value


_current = Catalogue(-1)


def catalogue() -> Catalogue:
    """Return the catalogue as it stands, by one cheap statement that reads its version."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {CATALOGUE_VERSION}")
        (version,) = cursor.fetchone()
    return catalogue_at(version)


def catalogue_at(version: int) -> Catalogue:
    """Return the catalogue of a version that was just read."""
    global _current  # noqa: PLW0603  # one a process
    known = _current
    if known.version != version:
        known = _current = Catalogue(version)
    return known


def outdate_catalogue(**_signal: object) -> None:
    """Give the catalogue another version, in the caller's transaction, before what it changes."""
    Version.objects.update_or_create(name=CATALOGUE, defaults={"number": fresh_version()})


class CatalogueQuerySet(models.QuerySet[Any]):
    """Outdates the catalogue with each change in bulk of a column that belongs to it."""

    def update(self, **values: Any) -> int:
        """Update, after outdating what rests on these columns."""
        if self.model.is_in_catalogue(values):
            outdate_catalogue()
        return super().update(**values)

    def delete(self) -> Any:
        """Delete, after outdating."""
        outdate_catalogue()
        return super().delete()

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        """Create, after outdating."""
        outdate_catalogue()
        return super().bulk_create(*args, **kwargs)


class CatalogueModel(models.Model):
    """Base of models whose rows are remembered. With `catalogue_columns` only those matter."""

    catalogue_columns: ClassVar[frozenset[str] | None] = None

    objects: Any = CatalogueQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, after outdating the catalogue."""
        columns = kwargs.get("update_fields")
        if columns is None or self.is_in_catalogue(columns):
            outdate_catalogue()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Delete, after outdating the catalogue."""
        outdate_catalogue()
        return super().delete(*args, **kwargs)

    @classmethod
    def is_in_catalogue(cls, columns: Collection[str]) -> bool:
        """Return whether a change of these columns changes the catalogue."""
        return cls.catalogue_columns is None or not cls.catalogue_columns.isdisjoint(columns)


# A migration may change rows past these classes.
post_migrate.connect(outdate_catalogue, dispatch_uid="catalogue")
