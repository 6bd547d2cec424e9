"""Set a spend limit for a team, a member, an API key, a provider key or a project."""

from django.db.models import QuerySet

from accounts.authority import By
from accounts.models import ApiKey, Membership, Project, Team
from accounts.roles import Permission
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
    """Cap `target` as managers do, in credits a window, or lift the cap with None.

    What the target held and spent earlier in the current window counts. Raises `NotFound` for
    another team's target, `PermissionDenied` and `InvalidRequest`.
    """
    team = _team_of(target)
    if not by.is_in(team.pk):
        raise NotFound
    by.require(Permission.LIMITS, team_id=team.pk)
    return _set(target, subject_of(target), window, credits, by)


def cap_own(person: Membership, *, window: str, credits: int | None, by: By) -> SpendLimit | None:
    """Cap `person` for themself, or lift that cap with None: nobody else in the team may.

    It stands beside what managers allow and can only make less of it; all else is as with `cap`.
    Raises `InvalidRequest`, and `PermissionDenied`, also for those who cannot spend.
    """
    if not (by.acts_everywhere or by.is_person(person.user_id)):
        raise PermissionDenied("A limit for oneself is one's own to set.")
    by.require(Permission.SUBMIT, team_id=person.team_id)
    return _set(person, own_subject(person.team, person.user), window, credits, by)


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
