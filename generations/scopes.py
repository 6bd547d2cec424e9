"""Who or what a spend limit is for: the inverse of `subjects`, for words that people read."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.models import ApiKey, Project, Team, User
from billing.subjects import Subject
from generations.models import ProviderKey


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
