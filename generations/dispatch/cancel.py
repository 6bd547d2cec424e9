"""Cancel generations, or note the request to (P16).

What was not sent is cancelled at once and its credits are released. What the vendor may have
cannot be stopped: cancelling it is a request, and the hold waits for the vendor's answer.
"""

from datetime import datetime

from django.db import transaction

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Membership
from accounts.roles import Permission, role_allows
from generations.approvals import withdraw_approval
from generations.lifecycle import IN_FLIGHT, WAITING, Ending, EventKind, State
from generations.models import Generation
from generations.transitions import end_unsent, record_event
from platform_site.errors import Conflict
from platform_site.text.visible import typed_reason

# A generation may move on between our look and our UPDATE; it does not do so forever.
_LOOKS = 20


def may_cancel(membership: Membership, generation: Generation) -> bool:
    """Return whether the member may cancel this generation of their team."""
    if membership.team_id != generation.team_id:
        return False
    is_own = generation.user_id == membership.user_id
    return role_allows(membership.role, Permission.SUBMIT if is_own else Permission.APPROVE)


def cancel_generation(generation: Generation, *, by: By, now: datetime, reason: str = "") -> None:
    """Cancel a generation for the person who created it, or for who decides about others'.

    Afterwards the generation is `cancelled`, with its credits released, or it was sent and bears
    the cancel request (`cancel_requested_at`), with its credits held. A second call changes
    nothing. Raises `PermissionDenied`, and `Conflict`, which names the state, for one that ended
    otherwise.
    """
    by.require_over(
        generation.user_id,
        own=Permission.SUBMIT,
        others=Permission.APPROVE,
        team_id=generation.team_id,
        refusal="Only its creator or a manager can cancel it.",
    )
    reason = typed_reason(reason)
    for _ in range(_LOOKS):
        state = State(generation.state)
        if generation.ending == Ending.CANCELLED:
            return
        if state in WAITING:
            done = _cancel_now(generation, by=by, now=now, reason=reason)
        elif state in IN_FLIGHT:
            done = _request_cancel(generation, by=by, now=now, reason=reason)
        else:
            raise Conflict(
                f"This is {state} already; there is nothing to cancel.",
                details={"state": str(state)},
            )
        if done:
            return
    raise Conflict("This is just being sent. Try again in a moment.")


def cancel_waiting(*, by: By, now: datetime) -> int:
    """Cancel everything of the member's own in their team that was not sent; return how many.

    What is sent meanwhile goes on, without a cancel request. Raises `PermissionDenied`.
    """
    membership = by.membership
    by.require(Permission.SUBMIT, team_id=membership.team_id)
    own = Generation.objects.filter(
        team=membership.team, user=membership.user, state__in=WAITING
    ).select_related("team", "project", "user")
    # The newest first: the oldest are the next to be sent, and are left to race for.
    return sum(
        _cancel_now(one, by=by, now=now, reason="") for one in own.order_by("-created_at", "-id")
    )


def cancel_if_requested(generation: Generation, *, now: datetime) -> bool:
    """Cancel a generation that came back to the queue, if a person requested that meanwhile.

    To be called in the transaction that moved it to `queued`, after that: a request that comes
    later waits for that row and then finds it queued. So no queued row bears a cancel request, and
    nothing that bears one is sent again. Returns whether it was cancelled.
    """
    rows = Generation.objects.filter(pk=generation.pk, cancel_requested_at__isnull=False)
    request = rows.order_by().values_list("cancel_requested_at", "cancel_requested_by").first()
    if request is None:
        return False
    generation.cancel_requested_at, generation.cancel_requested_by = request
    by = By(generation.cancel_requested_by)
    message = "Cancelled as requested: the vendor did not accept it, so it is not sent again."
    end_unsent(generation, Ending.CANCELLED, by=by, now=now, message=message)
    _record(generation, AuditAction.GENERATION_CANCELLED, by, "")
    return True


def _cancel_now(generation: Generation, *, by: By, now: datetime, reason: str) -> bool:
    """Cancel what waits; False when it does not wait any more, and nothing was changed."""
    message = f"Cancelled before it was sent. {reason}".strip()
    try:
        with transaction.atomic():
            if generation.state == State.AWAITING_APPROVAL:
                # The approval first, as deciders do: otherwise two locks could deadlock.
                withdraw_approval(generation, by=by, now=now, reason=reason)
            end_unsent(generation, Ending.CANCELLED, by=by, now=now, message=message)
            _record(generation, AuditAction.GENERATION_CANCELLED, by, reason)
    except Conflict:
        generation.refresh_from_db()
        return False
    return True


def _request_cancel(generation: Generation, *, by: By, now: datetime, reason: str) -> bool:
    """Note the first cancel request; False when the generation left the vendor meanwhile."""
    in_flight = Generation.objects.filter(pk=generation.pk, state__in=sorted(IN_FLIGHT))
    with transaction.atomic():
        # The row count decides between two requests, and between one and the vendor's end.
        noted = in_flight.filter(cancel_requested_at=None).update(
            cancel_requested_at=now, cancel_requested_by=by.name[:200]
        )
        if noted:
            record_event(generation, EventKind.CANCEL_REQUESTED, by=by, message=reason)
            _record(generation, AuditAction.GENERATION_CANCEL_REQUESTED, by, reason)
    generation.refresh_from_db()
    return bool(noted) or generation.state in IN_FLIGHT


def _record(generation: Generation, action: AuditAction, by: By, reason: str) -> None:
    record(
        by=by,
        action=action,
        team=generation.team,
        subject=generation,
        reason=reason,
        credits=generation.credits,
    )
