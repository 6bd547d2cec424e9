"""Who or what a spend limit is for: the inverse of `subjects`, for words that people read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.models import ApiKey, Membership, Project, Team, User
from billing.models import SpendLimit
from billing.subjects import Subject
from generations.limits.subjects import (
    api_key_subject,
    member_subject,
    own_subject,
    project_subject,
    provider_key_subject,
    team_subject,
)
from generations.models import ProviderKey


@dataclass(frozen=True, slots=True)
class Scope:
    """What a limit is for: its team, its name as people say it, and whose it is, if somebody's.

    `row` is what is capped, None for a person who left the team; `is_own` marks the limits that
    a person sets for themself.
    """

    team: Team
    name: str
    row: Team | Membership | ApiKey | ProviderKey | Project | None
    owner: User | None = None
    is_own: bool = False


def scope_of(subject: Subject) -> Scope | None:
    """Return what the subject of a limit stands for, or None when there is no such thing."""
    return scopes_of([subject]).get(subject)


def scopes_of(subjects: Iterable[Subject]) -> dict[Subject, Scope]:
    """Return what each subject stands for, in a query or two a kind; what is gone is left out."""
    wanted: dict[str, set[str]] = {}
    for subject in subjects:
        wanted.setdefault(subject.kind, set()).add(subject.id)
    found: dict[Subject, Scope] = {}
    for kind, ids in wanted.items():
        if kind in _FINDERS:
            found |= _FINDERS[kind](ids)
    return {
        subject: scope for subject, scope in found.items() if subject.id in wanted[subject.kind]
    }


def subject_of(limit: SpendLimit) -> Subject:
    """Return the limit's subject."""
    return Subject(limit.subject_kind, limit.subject_id)


def _teams(ids: set[str]) -> dict[Subject, Scope]:
    teams = Team.objects.filter(pk__in=_numbers(ids))
    return {team_subject(team): Scope(team, f"The team {team}", team) for team in teams}


def _api_keys(ids: set[str]) -> dict[Subject, Scope]:
    keys = _rows(ApiKey.objects.select_related("team", "owner"), ids)
    return {api_key_subject(key): Scope(key.team, f"API key {key}", key, key.owner) for key in keys}


def _provider_keys(ids: set[str]) -> dict[Subject, Scope]:
    keys = _rows(ProviderKey.objects.select_related("team", "owner"), ids)
    return {
        provider_key_subject(key): Scope(key.team, f"Provider key {key}", key, key.owner)
        for key in keys
    }


def _projects(ids: set[str]) -> dict[Subject, Scope]:
    projects = _rows(Project.objects.select_related("team"), ids)
    return {
        project_subject(project): Scope(project.team, f"Project {project}", project)
        for project in projects
    }


def _members(ids: set[str]) -> dict[Subject, Scope]:
    """Find people in teams; who left one still has a name, without a membership."""
    parts = (one.removesuffix(":own").partition(":") for one in ids)
    pairs = {
        (int(team), int(user)) for team, _, user in parts if team.isdecimal() and user.isdecimal()
    }
    teams, users = {team for team, _ in pairs}, {user for _, user in pairs}
    rows = Membership.objects.filter(team__in=teams, user__in=users).select_related("team", "user")
    known: dict[tuple[int, int], tuple[Team, User, Membership | None]] = {
        (row.team_id, row.user_id): (row.team, row.user, row) for row in rows
    }
    left = pairs - set(known)
    if left:
        team_of, user_of = Team.objects.in_bulk(teams), User.objects.in_bulk(users)
        for team_id, user_id in left:
            if team_id in team_of and user_id in user_of:
                known[team_id, user_id] = (team_of[team_id], user_of[user_id], None)
    found = {}
    for team, user, membership in known.values():
        name = user.get_full_name()
        found[member_subject(team, user)] = Scope(team, name, membership, user)
        found[own_subject(team, user)] = Scope(
            team, f"{name} (own limit)", membership, user, is_own=True
        )
    return found


_FINDERS: dict[str, Callable[[set[str]], dict[Subject, Scope]]] = {
    "team": _teams,
    "member": _members,
    "api_key": _api_keys,
    "provider_key": _provider_keys,
    "project": _projects,
}


def _rows(rows: QuerySet[Any], ids: set[str]) -> QuerySet[Any]:
    return rows.filter(pk__in=_numbers(ids))


def _numbers(ids: Iterable[str]) -> set[int]:
    return {int(one) for one in ids if one.isdecimal()}
