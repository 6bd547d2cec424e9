"""Set a spend limit in any scope."""

from typing import Any

from accounts.authority import By
from accounts.models import Membership
from billing.models import SpendLimit
from billing.services.limits import set_limit
from generations.limits.scopes.base import Scope, Target, team_of
from generations.limits.scopes.own import OWN
from generations.limits.scopes.registry import scope_for
from platform_site.errors import NotFound, PermissionDenied


def cap(target: Target, *, window: str, credits: int | None, by: By) -> SpendLimit | None:
    """Cap `target` as managers do, in credits a window, or lift the cap with None.

    What the target held and spent earlier in the current window counts. Raises `NotFound` for
    another team's target, `PermissionDenied` and `InvalidRequest`.
    """
    scope, team = scope_for(target), team_of(target)
    if not by.is_in(team.pk):
        raise NotFound
    by.require(scope.permission, team_id=team.pk)
    return _set(scope, target, window, credits, by)


def cap_own(person: Membership, *, window: str, credits: int | None, by: By) -> SpendLimit | None:
    """Cap `person` for themself, or lift that cap with None: nobody else in the team may.

    It stands beside what managers allow and can only make less of it; all else is as with `cap`.
    Raises `InvalidRequest`, and `PermissionDenied`, also for those who cannot spend.
    """
    if not (by.acts_everywhere or by.is_person(person.user_id)):
        raise PermissionDenied("A limit for oneself is one's own to set.")
    by.require(OWN.permission, team_id=person.team_id)
    return _set(OWN, person, window, credits, by)


def _set(
    scope: Scope[Any], target: Target, window: str, credits: int | None, by: By
) -> SpendLimit | None:
    return set_limit(
        team=team_of(target),
        subject=scope.subject(target),
        window=window,
        credits=credits,
        by=by,
        earlier=scope.earlier(target),
    )
