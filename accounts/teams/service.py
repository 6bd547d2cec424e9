"""Create teams and change who is in them."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Membership, Team, User
from accounts.roles import Permission
from platform_site.errors import InvalidRequest
from platform_site.text.visible import visible_line


@transaction.atomic
def create_team(*, name: str, slug: str, by: By) -> Team:
    """Create an empty team.

    Raises `PermissionDenied` for who belongs to teams only, `InvalidRequest` for a name of which
    nothing can be seen.
    """
    by.require_everywhere()
    name = visible_line(name)
    if not name:
        raise InvalidRequest("Enter a name with visible characters.", field="name")
    team = Team.objects.create(name=name, slug=slug)
    record(by=by, action=AuditAction.TEAM_CREATED, team=team, subject=team)
    return team


@transaction.atomic
def set_role(*, team: Team, user: User, role: str, by: By) -> Membership:
    """Put `user` into `team` with `role`, or change the role they have there.

    Raises `PermissionDenied`.
    """
    by.require(Permission.MEMBERS, team_id=team.pk)
    membership, _ = Membership.objects.update_or_create(
        team=team, user=user, defaults={"role": role}
    )
    record(
        by=by,
        action=AuditAction.TEAM_ROLE_SET,
        team=team,
        subject=user,
        role=role,
    )
    return membership


def enter_team(membership: Membership, *, now: datetime) -> None:
    """Keep that the person works in this team from now on, for sessions that chose none yet.

    Writes nothing where it was the team that they entered last.
    """
    later = Membership.objects.filter(
        user=membership.user_id, last_entered_at__gt=OuterRef("last_entered_at")
    )
    entered = Membership.objects.filter(Q(last_entered_at=None) | Exists(later), pk=membership.pk)
    entered.update(last_entered_at=now)
