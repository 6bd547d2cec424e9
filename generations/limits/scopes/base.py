"""What a spend scope says of itself. Everything that differs from scope to scope is asked here."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from django.db.models import Model, QuerySet

from accounts.models import Membership, Team, User
from accounts.roles import Permission, role_allows
from accounts.selectors import membership_of, people_who_may
from billing.models import Hold
from billing.subjects import LimitHolder, Subject
from generations.models import Generation


class OfTeam(Protocol):
    """Something that belongs to one team."""

    @property
    def team(self) -> Team:
        """Return the team."""


LimitTarget = Team | OfTeam
T = TypeVar("T")


def team_of(target: LimitTarget) -> Team:
    """Return the team that `target` is, or belongs to."""
    return target if isinstance(target, Team) else target.team


@dataclass(frozen=True, slots=True)
class Capped:
    """What a limit is for, found by its subject: its name as people say it, and whose it is.

    `target` is None for a person who left the team; `owner` when it is nobody's own.
    """

    scope: "Scope[Any]"
    subject: Subject
    team: Team
    name: str
    target: LimitTarget | None
    owner: User | None = None


@dataclass(frozen=True, slots=True)
class LimitChoice:
    """Something that limits may be set for, as a form names it and as it is called there."""

    scope: "Scope[Any]"
    value: str
    name: str
    subject: Subject
    may_cap: bool


@dataclass(frozen=True, slots=True)
class AdminField:
    """A field that names a target, or a part of one: a row, or one of `choices`.

    Rows of `model` are searched as the foreign key `via`, of another model, finds them.
    """

    name: str
    model: type[Model] | None = None
    via: tuple[type[Model], str] | None = None
    choices: Sequence[tuple[str, str]] = ()


class Scope(ABC, Generic[T]):
    """One kind of thing that spend limits are set for; `T` is what a limit is set on."""

    slug: ClassVar[str]  # in forms and commands
    target_type: ClassVar[type]
    permission: ClassVar[Permission] = Permission.LIMITS  # to cap it
    is_own: ClassVar[bool] = False  # people set it for themselves, beside what managers allow

    title: ClassVar[str]  # over its limits
    about: ClassVar[str]  # what counts under it; {team} is the team's name
    without: ClassVar[str] = ""  # said when nothing of it has a limit
    refused: ClassVar[str]  # which limit was reached, within a sentence
    admin_choice: ClassVar[str]
    admin_fields: ClassVar[tuple[AdminField, ...]]
    argument: ClassVar[str] = ""  # what a command's option takes; without it there is none

    @property
    def kind(self) -> str:
        """Return the kind of its subjects, in the books and on the wire."""
        return self.slug

    @abstractmethod
    def subject(self, target: T) -> Subject:
        """Return what limits for `target` are counted under."""

    @abstractmethod
    def counts(self, generation: Generation) -> Subject | None:
        """Return what a generation, perhaps unsaved, counts under here; None when nothing.

        Asks the database nothing: admissions call it.
        """

    @abstractmethod
    def generations(self, target: T) -> QuerySet[Generation]:
        """Return every generation that counts under `target`."""

    @abstractmethod
    def find(self, ids: set[str]) -> Iterable[Capped]:
        """Return at least what these ids of its kind stand for, in a query or two."""

    @abstractmethod
    def seen_by(self, asker: Membership) -> Iterable[T]:
        """Return the targets whose limits a member sees on the page of budgets."""

    @abstractmethod
    def label(self, target: T, asker: Membership) -> str:
        """Return the name of `target` on the page of budgets."""

    @abstractmethod
    def value(self, target: T) -> str:
        """Return how a form names `target`: the slug, and what follows it behind a colon."""

    @abstractmethod
    def chosen(self, asker: Membership, number: str) -> T | None:
        """Return the target of the asker's team that a form names by `value`, or None."""

    @abstractmethod
    def from_admin(self, typed: Mapping[str, Any]) -> T:
        """Return the target that the filled-in `admin_fields` name.

        Raises `InvalidRequest` with the culprit's `field`.
        """

    def named(self, team: Team, text: str) -> Iterable[T]:
        """Return what the command's option may mean in a team; not asked without `argument`."""
        return ()

    def choices(self, asker: Membership) -> Iterator[LimitChoice]:
        """Yield what the page of budgets shows a member, and whether they may cap it."""
        for target in self.seen_by(asker):
            yield LimitChoice(
                scope=self,
                value=self.value(target),
                name=self.label(target, asker),
                subject=self.subject(target),
                may_cap=self.may_cap(asker, target),
            )

    def may_cap(self, asker: Membership, target: T) -> bool:
        """Return whether a member may set a limit for `target`, which is of their team."""
        return role_allows(asker.role, self.permission)

    def holder(self, target: T) -> LimitHolder:
        """Return what limits for `target` are set on, in whose team, and whose own they are."""
        return LimitHolder(team_of(target), self.subject(target))  # type: ignore[arg-type]

    def earlier(self, target: T) -> QuerySet[Hold]:
        """Return the holds that count under a fresh limit for `target`."""
        return Hold.objects.filter(pk__in=self.generations(target).values("hold"))

    def raised_by(self, team: Team, owner: User | None) -> list[str]:
        """Return the names of who may raise a limit of the owner's thing in the team."""
        return people_who_may(team, self.permission)

    def audience(self, capped: Capped) -> list[Permission | User]:
        """Return who hears of a limit: who may raise it and, unless among them, whose it is."""
        owner = capped.owner
        if owner is None:
            return [self.permission]
        membership = membership_of(owner, capped.team)
        if membership is not None and role_allows(membership.role, self.permission):
            return [self.permission]
        return [self.permission, owner]
