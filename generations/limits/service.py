"""Set a spend limit in any scope."""

from accounts.authority import By
from accounts.models import Membership
from billing.models import SpendLimit
from billing.services.limits import set_limit
from generations.limits.scopes.base import LimitTarget, team_of
from generations.limits.scopes.own import OWN
from generations.limits.scopes.registry import scope_for
from platform_site.errors import NotFound


def cap(target: LimitTarget, *, window: str, credits: int | None, by: By) -> SpendLimit | None:
    """Cap `target` as managers do, in credits a window, or remove the cap with None.

    What the target held and spent earlier in the current window counts. Raises `NotFound` for
    another team's target, `PermissionDenied` and `InvalidRequest`.
    """
    scope, team = scope_for(target), team_of(target)
    if not by.is_in(team.pk):
        raise NotFound
    return set_limit(
        scope.holder(target),
        window=window,
        credits=credits,
        by=by,
        earlier=scope.earlier(target),
    )


def cap_own(person: Membership, *, window: str, credits: int | None, by: By) -> SpendLimit | None:
    """Cap `person` for themself, or remove that cap with None: nobody else in the team may.

    It stands beside what managers allow and can only make less of it; all else is as with `cap`.
    Raises `InvalidRequest`, and `PermissionDenied`, also for those who cannot spend.
    """
    return set_limit(
        OWN.holder(person),
        window=window,
        credits=credits,
        by=by,
        earlier=OWN.earlier(person),
    )
