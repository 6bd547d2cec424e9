"""What the page of budgets does for a person, in one step each."""

from collections.abc import Sequence

from accounts.authority import By
from accounts.models import Membership, Project, Team
from accounts.roles import Permission
from billing.models import SpendLimit
from billing.services.alerts import set_alerts
from generations.approvals import set_threshold
from generations.limits.scopes.base import LimitTarget
from generations.limits.scopes.own import OWN
from generations.limits.scopes.registry import scope_for
from generations.limits.service import cap, cap_own
from platform_site.errors import InvalidRequest, NotFound


def set_budget(
    target: LimitTarget | None,
    *,
    window: str,
    credits: int | None,
    by: By,
    alert_at: Sequence[int] | None = None,
) -> SpendLimit | None:
    """Cap `target`, or oneself with None, and say at which percents people are notified.

    None for credits removes it; `alert_at` None leaves the percents. Raises as `cap`, `cap_own` and
    `set_alerts` do; percents are judged first, so that a refusal changes nothing.
    """
    member = by.membership
    if any(not 1 <= one <= 100 for one in alert_at or ()):
        raise InvalidRequest("Enter whole percentages from 1 to 100.", field="alert_at")
    if target is None:
        holder = OWN.holder(member)
        limit = cap_own(member, window=window, credits=credits, by=by)
    else:
        holder = scope_for(target).holder(target)
        limit = cap(target, window=window, credits=credits, by=by)
    if limit is not None and alert_at is not None and sorted(set(alert_at)) != limit.alert_at:
        limit = set_alerts(holder, window=window, percents=alert_at, by=by)
    return limit


def ask_above(target: LimitTarget | None, *, above: int | None, by: By) -> None:
    """Have films of the team, a member or a project need approval above so many credits; or never.

    Raises `PermissionDenied`, `InvalidRequest`, and `NotFound` for anything else.
    """
    team_id = by.membership.team_id
    by.require(Permission.LIMITS, team_id=team_id)
    match target:
        case Team() if target.pk == team_id:
            set_threshold(team=target, above=above, by=by)
        case Membership() if target.team_id == team_id:
            set_threshold(team=target.team, user=target.user, above=above, by=by)
        case Project() if target.team_id == team_id:
            set_threshold(team=target.team, project=target, above=above, by=by)
        case _:
            raise NotFound
