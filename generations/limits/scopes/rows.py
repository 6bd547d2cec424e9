"""What the scopes share whose targets are rows that a generation has a foreign key to."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from accounts.models import Membership, Team, User
from billing.subjects import Subject
from generations.limits.scopes.base import Capped, Scope, team_of
from generations.models import Generation

R = TypeVar("R", bound=Model)


class RowScope(Scope[R]):
    """A scope of rows, by primary key; `slug` is also the generation's foreign key to them."""

    @abstractmethod
    def rows(self) -> "QuerySet[Any]":
        """Return all rows, with what naming one needs."""

    @abstractmethod
    def name(self, row: R) -> str:
        """Return what people call a row when its limit is the subject of a sentence."""

    def owner(self, row: R) -> User | None:
        """Return whose the row is."""
        return None

    def subject(self, target: R) -> Subject:
        """Return the row's subject."""
        return Subject(self.kind, str(target.pk))

    def counts(self, generation: Generation) -> Subject | None:
        """Return the subject of the row that the generation points to."""
        pk = getattr(generation, f"{self.slug}_id")
        return None if pk is None else Subject(self.kind, str(pk))

    def generations(self, target: R) -> QuerySet[Generation]:
        """Return the generations that point to the row."""
        return Generation.objects.filter(**{self.slug: target})

    def find(self, ids: set[str]) -> Iterator[Capped]:
        """Find the rows in one query."""
        for row in self.rows().filter(pk__in={int(one) for one in ids if one.isdecimal()}):
            yield Capped(
                self, self.subject(row), team_of(row), self.name(row), row, self.owner(row)
            )

    def value(self, target: R) -> str:
        """Return the slug and the row's id."""
        return f"{self.slug}:{target.pk}"

    def from_admin(self, typed: Mapping[str, Any]) -> R:
        """Return the row that was picked."""
        row: R = typed[self.slug]
        return row


class TeamRowScope(RowScope[R]):
    """A scope of rows that a team has several of."""

    @abstractmethod
    def of_team(self, team: Team) -> "QuerySet[Any]":
        """Return the team's rows that limits can be set for."""

    @abstractmethod
    def lookup(self, text: str) -> dict[str, str]:
        """Return the filter for rows that people call `text` in a command."""

    def chosen(self, asker: Membership, number: str) -> R | None:
        """Return the row of the asker's team with this id."""
        row: R | None = None
        if number.isdecimal():
            row = self.of_team(asker.team).filter(pk=number).first()
        return row

    def named(self, team: Team, text: str) -> Iterable[R]:
        """Return the team's rows of that name."""
        rows: Iterable[R] = self.of_team(team).filter(**self.lookup(text))
        return rows
