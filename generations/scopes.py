"""Who or what a spend limit is for: the inverse of `subjects`, for words that people read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Manager, Model

from accounts.models import ApiKey, Membership, Project, Team, User
from billing.models import SpendLimit
from billing.subjects import Subject
from generations.models import ProviderKey
from generations.subjects import member_subject, own_subject


@dataclass(frozen=True, slots=True)
class Scope:
    """What a limit is for: its team, its name as people say it, and whose it is, if somebody's.

    `is_own` marks the limits that a person sets for themself.
    """

    team: Team
    name: str
    owner: User | None = None
    is_own: bool = False


def scope_of(subject: Subject) -> Scope | None:
    """Return what the subject of a limit stands for, or None when there is no such thing."""
    find = _FINDERS.get(subject.kind)
    parts = subject.id.split(":")
    if find is None or not parts[0].isdecimal():
        return None
    return find(*parts)


def _team(team_id: str, *_more: str) -> Scope | None:
    team = Team.objects.filter(pk=team_id).first()
    return Scope(team, f"The team {team}") if team else None


def _member(team_id: str, user_id: str = "", own: str = "") -> Scope | None:
    team = Team.objects.filter(pk=team_id).first()
    user = User.objects.filter(pk=user_id).first() if user_id.isdecimal() else None
    if team is None or user is None:
        return None
    name = user.get_full_name()
    return Scope(team, f"{name} (own limit)" if own else name, user, is_own=bool(own))


def _api_key(key_id: str, *_more: str) -> Scope | None:
    key = ApiKey.objects.select_related("team", "owner").filter(pk=key_id).first()
    return Scope(key.team, f"API key {key}", key.owner) if key else None


def _provider_key(key_id: str, *_more: str) -> Scope | None:
    key = ProviderKey.objects.select_related("team", "owner").filter(pk=key_id).first()
    return Scope(key.team, f"Provider key {key}", key.owner) if key else None


def _project(project_id: str, *_more: str) -> Scope | None:
    project = Project.objects.select_related("team").filter(pk=project_id).first()
    return Scope(project.team, f"Project {project}") if project else None


_FINDERS: dict[str, Callable[..., Scope | None]] = {
    "team": _team,
    "member": _member,
    "api_key": _api_key,
    "provider_key": _provider_key,
    "project": _project,
}


_KEYS: tuple[tuple[str, Manager[Any]], ...] = (
    ("api_key", ApiKey.objects),
    ("provider_key", ProviderKey.objects),
    ("project", Project.objects),
)


@dataclass(frozen=True, slots=True)
class NamedSubject:
    """A subject's team and row; None when the row is gone."""

    team: Team | None
    row: Model | None


def name_subjects(limits: Iterable[SpendLimit]) -> dict[Subject, NamedSubject]:
    """Return who each limit's subject is, in at most one query a kind."""
    wanted: dict[str, set[str]] = {}
    for limit in limits:
        wanted.setdefault(limit.subject_kind, set()).add(limit.subject_id)
    found: dict[Subject, NamedSubject] = {}
    for team in Team.objects.filter(pk__in=_numbers(wanted.get("team", ()))):
        found[Subject("team", str(team.pk))] = NamedSubject(team, team)
    for kind, keys in _KEYS:
        rows = keys.filter(pk__in=_numbers(wanted.get(kind, ()))).select_related("team")
        for row in rows:
            found[Subject(kind, str(row.pk))] = NamedSubject(row.team, row)
    people = [pair.removesuffix(":own").partition(":") for pair in wanted.get("member", ())]
    memberships = Membership.objects.filter(
        team__in=_numbers(team for team, _, _ in people),
        user__in=_numbers(user for _, _, user in people),
    )
    for member in memberships.select_related("team", "user"):
        for subject in (member_subject, own_subject):
            found[subject(member.team, member.user)] = NamedSubject(member.team, member)
    return found


def subject_of(limit: SpendLimit) -> Subject:
    """Return the limit's subject."""
    return Subject(limit.subject_kind, limit.subject_id)


def _numbers(ids: Iterable[str]) -> set[int]:
    return {int(one) for one in ids if one.isdecimal()}
