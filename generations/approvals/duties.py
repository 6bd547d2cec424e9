"""Two pairs of eyes: whether who submitted a generation may approve it themselves."""

from django.db import transaction

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Membership, Team
from accounts.roles import Permission
from accounts.selectors import members_who_may
from generations.models import Generation
from platform_site.errors import PermissionDenied


def deciders_of(generation: Generation) -> list[Membership]:
    """Return who may approve a generation, owners first: not who submitted it, unless the team
    allows that or nobody else may.
    """
    everybody = members_who_may(generation.team, Permission.APPROVE)
    if Team.objects.filter(pk=generation.team_id, own_approval=True).exists():
        return everybody
    return [one for one in everybody if one.user_id != generation.user_id] or everybody


def instead_of(generation: Generation, user_id: int) -> str:
    """Return who has to approve a generation in place of a person, by name; "" for whom need not
    step back.
    """
    if user_id != generation.user_id:
        return ""
    deciders = deciders_of(generation)
    if any(one.user_id == user_id for one in deciders):
        return ""
    return ", ".join(one.user.get_full_name() for one in deciders[:3])


def require_other_than_orderer(generation: Generation, *, by: By) -> bool:
    """Return whether the actor submitted the generation, by whichever door they come.

    Raises `PermissionDenied` where somebody else has to approve it, and names them.
    """
    if by.user_id is None or by.user_id != generation.user_id:
        return False
    others = instead_of(generation, by.user_id)
    if others:
        raise PermissionDenied(
            f"You created this yourself, so someone else has to approve it: {others}."
        )
    return True


@transaction.atomic
def set_own_approval(team: Team, *, allowed: bool, by: By) -> None:
    """Let managers approve what they submitted themselves, or require somebody else.

    Raises `PermissionDenied`: managers must not free themselves of it.
    """
    by.require(Permission.MEMBERS, team_id=team.pk)
    if Team.objects.filter(pk=team.pk, own_approval=not allowed).update(own_approval=allowed):
        record(by=by, action=AuditAction.APPROVAL_OWN_SET, team=team, subject=team, allowed=allowed)
    team.own_approval = allowed
