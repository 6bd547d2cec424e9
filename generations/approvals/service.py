"""Ask managers before generations above a threshold are sent; approve, deny, or expire."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Project, Team, User
from accounts.people import name_of
from accounts.roles import Permission
from accounts.webhooks import ApprovalAsked, ApprovalDecided, publish_event
from billing.ledger import MAX_CREDITS
from generations.approvals.duties import require_other_than_orderer
from generations.approvals.notices import notify_requester
from generations.approvals.steps import ask_step
from generations.approvals.waiting import NotWaiting, require_waiting
from generations.lifecycle import Ending, State
from generations.models import Approval, ApprovalThreshold, Generation
from generations.provider_keys import wake_dispatch
from generations.transitions import end_unsent, transition
from platform_site.clusters.steps import ENQUEUE_AGAIN
from platform_site.db.catalogue import Catalogue, catalogue
from platform_site.errors import Conflict, InvalidRequest
from platform_site.text.visible import typed_reason

APPROVAL_LIFE = timedelta(days=3)
_ACTIONS = {
    Approval.Decision.APPROVED: AuditAction.APPROVAL_APPROVED,
    Approval.Decision.DENIED: AuditAction.APPROVAL_DENIED,
    Approval.Decision.EXPIRED: AuditAction.APPROVAL_EXPIRED,
    Approval.Decision.WITHDRAWN: AuditAction.APPROVAL_WITHDRAWN,
}


def exceeded_threshold(
    generation: Generation, *, known: Catalogue | None = None
) -> ApprovalThreshold | None:
    """Return the strictest threshold over a generation's team, person and project if its credits
    are above that, as the catalogue `known` says, or the present one.
    """
    team_id = generation.team_id
    rules = (known or catalogue()).recall(
        ("thresholds", team_id),
        lambda: list(ApprovalThreshold.objects.filter(team=team_id).order_by("above")),
    )
    over = (
        rule
        for rule in rules
        if rule.user_id in {None, generation.user_id}
        and rule.project_id in {None, generation.project_id}
    )
    return next((rule for rule in over if generation.credits > rule.above), None)


def needs_approval(generation: Generation, *, known: Catalogue | None = None) -> bool:
    """Return whether a manager must decide on the generation, at its credits, before it is sent."""
    return exceeded_threshold(generation, known=known) is not None


@transaction.atomic
def set_threshold(
    *,
    team: Team,
    above: int | None,
    by: By,
    user: User | None = None,
    project: Project | None = None,
) -> ApprovalThreshold | None:
    """Have generations above so many credits need approval, in a team, of a person or in a project.

    None takes the rule away. What waits already goes on waiting. Raises `PermissionDenied` and
    `InvalidRequest`.
    """
    by.require(Permission.LIMITS, team_id=team.pk)
    if above is not None and (type(above) is not int or not 0 <= above <= MAX_CREDITS):
        raise InvalidRequest(
            f"Enter a whole number of credits from 0 to {MAX_CREDITS:,}.", field="above"
        )
    place: dict[str, Any] = {"team": team, "user": user, "project": project}
    threshold = None
    if above is None:
        ApprovalThreshold.objects.filter(**place).delete()
    else:
        threshold, _ = ApprovalThreshold.objects.update_or_create(
            **place, defaults={"above": above}
        )
    record(
        by=by,
        action=AuditAction.APPROVAL_THRESHOLD_SET,
        team=team,
        subject=project or user or team,
        above=above,
    )
    return threshold


def ask_for_approval(
    generation: Generation, threshold: ApprovalThreshold, *, by: By, now: datetime
) -> Approval:
    """Open the approval, inside the admission's transaction; the managers are asked by email."""
    approval = Approval.objects.create(
        generation=generation,
        above=threshold.above,
        asked_at=now,
        expires_at=now + APPROVAL_LIFE,
        next_mail_at=now + ENQUEUE_AGAIN,
    )
    record(
        by=by,
        action=AuditAction.APPROVAL_ASKED,
        team=generation.team,
        subject=generation,
        credits=generation.credits,
        above=threshold.above,
    )
    asked = ApprovalAsked(
        **_task(generation),
        above=threshold.above,
        expires_at=int(approval.expires_at.timestamp()),
    )
    publish_event(asked, team=generation.team, subject_id=generation.pk, now=now)
    ask_step.enqueue(generation.pk)
    return approval


@transaction.atomic
def approve(generation: Generation, *, by: By, now: datetime, reason: str = "") -> None:
    """Let a waiting generation be sent, at the price it was admitted under.

    Raises `PermissionDenied`, also for who submitted it where somebody else has to, or `Conflict`
    when it does not wait (any more), which says who decided.
    """
    by.require(Permission.APPROVE, team_id=generation.team_id)
    require_waiting(generation, by=by, now=now)
    is_own = require_other_than_orderer(generation, by=by)
    reason = typed_reason(reason)
    _decide(generation, Approval.Decision.APPROVED, by=by, now=now, reason=reason, is_own=is_own)
    _send(generation, reason, by, now, is_own=is_own)


@transaction.atomic
def deny(generation: Generation, *, by: By, now: datetime, reason: str = "") -> None:
    """Cancel a waiting generation and release its credits. Raises as `approve` does."""
    by.require(Permission.APPROVE, team_id=generation.team_id)
    reason = typed_reason(reason)
    _decide(generation, Approval.Decision.DENIED, by=by, now=now, reason=reason)
    message = reason or "A manager denied it."
    end_unsent(generation, Ending.APPROVAL_DENIED, by=by, now=now, message=message)


def decide_approval(
    generation: Generation, decision: str, *, by: By, now: datetime, reason: str = ""
) -> None:
    """Approve or deny, as a form's word says. Raises as both do, `InvalidRequest` otherwise."""
    by.require(Permission.APPROVE, team_id=generation.team_id)
    if decision not in {"approve", "deny"}:
        raise InvalidRequest("The decision is approve or deny.", field="decision")
    decide = approve if decision == "approve" else deny
    decide(generation, by=by, now=now, reason=reason)


def withdraw_approval(generation: Generation, *, by: By, now: datetime, reason: str) -> None:
    """Close the approval of a generation that is being cancelled, in the caller's transaction.

    Raises `Conflict` when somebody decided first.
    """
    _decide(generation, Approval.Decision.WITHDRAWN, by=by, now=now, reason=reason)


def expire_approvals(*, now: datetime) -> int:
    """Cancel what nobody decided in time; return how many."""
    by = By.system("approvals")
    due = Approval.objects.filter(decision=Approval.Decision.OPEN, expires_at__lte=now)
    count = 0
    for approval in due.select_related("generation__team")[:100]:
        generation = approval.generation
        try:
            with transaction.atomic():
                _decide(generation, Approval.Decision.EXPIRED, by=by, now=now)
                message = "Nobody decided in time."
                end_unsent(generation, Ending.APPROVAL_EXPIRED, by=by, now=now, message=message)
        except Conflict:
            continue  # somebody decided at the same moment
        count += 1
    return count


def _decide(
    generation: Generation,
    decision: Approval.Decision,
    *,
    by: By,
    now: datetime,
    reason: str = "",
    is_own: bool = False,
) -> None:
    """Decide an open approval; the row count decides between two deciders."""
    open_approval = Approval.objects.filter(generation=generation, decision=Approval.Decision.OPEN)
    if decision in {Approval.Decision.APPROVED, Approval.Decision.DENIED}:
        # Past its time it is the sweep's, however late that comes.
        open_approval = open_approval.filter(expires_at__gt=now)
    decided = open_approval.update(
        decision=decision, decided_at=now, decided_by=by.name, reason=reason
    )
    if not decided:
        require_waiting(generation, by=by, now=now)
        raise NotWaiting
    record(
        by=by,
        action=_ACTIONS[decision],
        team=generation.team,
        subject=generation,
        reason=reason,
        **({"own": True} if is_own else {}),
    )
    decided_event = ApprovalDecided(
        **_task(generation), decision=str(decision), decided_by=name_of(by.name), reason=reason
    )
    publish_event(decided_event, team=generation.team, subject_id=generation.pk, now=now)
    if not by.is_person(generation.user_id):
        notify_requester(generation, decision, reason=reason, by=by, now=now)


def _task(generation: Generation) -> dict[str, Any]:
    """Return what both events say of the generation; an approval has its id."""
    return {
        "task": str(generation.pk),
        "by": generation.user.email,
        "credits": generation.credits,
        "project": generation.project.slug if generation.project else None,
    }


def _send(generation: Generation, reason: str, by: By, now: datetime, *, is_own: bool) -> None:
    words = "Approved by its creator" if is_own else "Approved"
    moved = transition(
        generation,
        State.QUEUED,
        by=by,
        message=f"{words}: {reason}" if reason else f"{words}.",
        next_submit_at=now,
    )
    if not moved:
        raise NotWaiting
    wake_dispatch()
