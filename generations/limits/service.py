"""Set a spend limit for a team, a member, an API key, a provider key or a project."""

from django.db.models import QuerySet

from accounts.authority import By
from accounts.models import ApiKey, Membership, Project, Team
from accounts.roles import Permission, role_allows
from accounts.selectors import require
from billing.models import Hold, SpendLimit
from billing.services.limits import set_limit
from billing.subjects import Subject
from generations.limits.subjects import (
    api_key_subject,
    member_subject,
    own_subject,
    project_subject,
    provider_key_subject,
    team_subject,
)
from generations.models import Generation, ProviderKey
from platform_site.errors import NotFound, PermissionDenied

Target = Team | Membership | ApiKey | ProviderKey | Project


def subject_of(target: Target) -> Subject:
    """Return what limits for `target` are counted under."""
    match target:
        case Team():
            return team_subject(target)
        case Membership():
            return member_subject(target.team, target.user)
        case ApiKey():
            return api_key_subject(target)
        case ProviderKey():
            return provider_key_subject(target)
        case Project():
            return project_subject(target)


def cap(target: Target, *, window: str, credits: int | None, by: By) -> SpendLimit | None:
    """Cap `target` in credits a window, or lift the cap with None.

    What the target held and spent earlier in the current window counts. Raises `PermissionDenied`
    and `InvalidRequest`.
    """
    by.require(Permission.LIMITS, team_id=_team_of(target).pk)
    return _set(target, subject_of(target), window, credits, by)


def cap_as(
    asker: Membership, target: Target, *, window: str, credits: int | None, by: By
) -> SpendLimit | None:
    """Do what `cap` does for a person: managers cap anything in their team, others themselves.

    A limit for oneself stands beside a manager's, so it can only make less of it.
    Raises `PermissionDenied`, and `NotFound` for another team's target.
    """
    if _team_of(target) != asker.team:
        raise NotFound
    if role_allows(asker.role, Permission.LIMITS):
        return cap(target, window=window, credits=credits, by=by)
    if not isinstance(target, Membership) or target.pk != asker.pk:
        raise PermissionDenied(f"Your role may not {Permission.LIMITS}.")
    return cap_own(asker, window=window, credits=credits, by=by)


def cap_own(asker: Membership, *, window: str, credits: int | None, by: By) -> SpendLimit | None:
    """Cap oneself, beside whatever managers allow, or lift that cap with None.

    Raises `InvalidRequest`, and `PermissionDenied` for those who cannot spend.
    """
    require(asker, Permission.SUBMIT)
    return _set(asker, own_subject(asker.team, asker.user), window, credits, by)


def _set(
    target: Target, subject: Subject, window: str, credits: int | None, by: By
) -> SpendLimit | None:
    return set_limit(
        team=_team_of(target),
        subject=subject,
        window=window,
        credits=credits,
        by=by,
        earlier=_holds_of(target),
    )


def _team_of(target: Target) -> Team:
    return target if isinstance(target, Team) else target.team


def _holds_of(target: Target) -> QuerySet[Hold]:
    """Return the holds of every generation that counts under `target`."""
    match target:
        case Team():
            mine = Generation.objects.filter(team=target)
        case Membership():
            mine = Generation.objects.filter(team=target.team, user=target.user)
        case ApiKey():
            mine = Generation.objects.filter(api_key=target)
        case ProviderKey():
            mine = Generation.objects.filter(provider_key=target)
        case Project():
            mine = Generation.objects.filter(project=target)
    return Hold.objects.filter(pk__in=mine.values("hold"))
