"""Say which of a team's waiting generations go first. Other teams are served as before."""

from django.db import transaction

from accounts.authority import By
from accounts.models import Membership
from accounts.roles import Permission, role_allows
from generations.lifecycle import WAITING, EventKind
from generations.models import Generation, Priority
from generations.transitions import record_event
from platform_site.errors import Conflict, InvalidRequest, PermissionDenied

_SENT = "It is no longer queued, so its priority cannot change."


def orderable_priorities(membership: Membership) -> list[Priority]:
    """Return the priorities with which a member may submit: high is for managers."""
    if not role_allows(membership.role, Permission.SUBMIT):
        return []
    may_all = role_allows(membership.role, Permission.APPROVE)
    return [one for one in Priority if may_all or one != Priority.HIGH]


def priorities_for(membership: Membership, generation: Generation) -> list[Priority]:
    """Return the priorities that a member may give to a generation; empty for others' ones."""
    is_own = generation.user_id == membership.user_id
    if generation.team_id != membership.team_id or generation.state not in WAITING:
        return []
    if not is_own and not role_allows(membership.role, Permission.APPROVE):
        return []
    return orderable_priorities(membership)


def require_priority(membership: Membership, priority: int) -> Priority:
    """Return `priority` if the member may submit with it.

    Raises `InvalidRequest` for none of ours, `PermissionDenied` for one that is for managers.
    """
    known = as_priority(priority)
    if known != Priority.NORMAL and known not in orderable_priorities(membership):
        raise PermissionDenied("Only managers can set high priority.")
    return known


def as_priority(value: object) -> Priority:
    """Read a priority as forms and callers send it. Raises `InvalidRequest`."""
    try:
        return Priority(int(str(value)))
    except ValueError:
        raise InvalidRequest("The priority is -1, 0 or 1.", field="priority") from None


@transaction.atomic
def set_priority(generation: Generation, *, priority: int | str, by: By) -> None:
    """Give a waiting generation high, normal or low priority within its team's queue.

    People may put off their own and take that back; managers may do all of it with everybody's.
    Raises `PermissionDenied`, alike for another team's, `Conflict` for a generation that waits no
    more, `InvalidRequest` for no such priority.
    """
    by.require(Permission.SUBMIT, team_id=generation.team_id)
    wanted = as_priority(priority)
    if generation.state not in WAITING:
        # Of what was sent the refusal says that, and not that somebody may not.
        raise Conflict(_SENT)
    by.require_over(
        generation.user_id,
        own=Permission.APPROVE if wanted == Priority.HIGH else Permission.SUBMIT,
        others=Permission.APPROVE,
        team_id=generation.team_id,
        refusal="Only managers can set high priority, or change someone else's priority.",
    )
    waiting = Generation.objects.filter(pk=generation.pk, state__in=WAITING)
    if not waiting.update(priority=wanted):
        raise Conflict(_SENT)
    if generation.priority != wanted:
        generation.priority = wanted
        record_event(generation, EventKind.PRIORITY_SET, by=by, message=f"{wanted.label}.")
