"""What a person may put right, each with a reason, a linked entry and a line in the audit trail."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction
from accounts.roles import Permission
from billing.errors import InsufficientCredits, LedgerConflict
from billing.ledger import adjust_hold
from generations.archive import begin_keeping
from generations.lifecycle import LATE_WATCH, Ending, EventKind, Money, State
from generations.models import Generation
from generations.transitions import end_generation, record_event
from generations.vendors import TaskReport, TaskStatus
from platform_site.errors import Conflict, DailiesError, InvalidRequest
from platform_site.text.visible import typed_reason

log = structlog.get_logger(__name__)

_WATCH_EVERY = timedelta(minutes=5)
_REVIEW_ACTIONS = {
    Money.SETTLE: AuditAction.GENERATION_REVIEW_SETTLE,
    Money.RELEASE: AuditAction.GENERATION_REVIEW_RELEASE,
}


def release_reviewed(generation: Generation, *, by: By, reason: str, now: datetime) -> None:
    """Release the credits of a `needs_review` generation: the vendor did not take the generation.

    Raises `PermissionDenied` for who does not decide in its team, `InvalidRequest` without a
    reason, `Conflict` when it is not in review.
    """
    _end_reviewed(generation, Money.RELEASE, by=by, reason=reason, now=now)


def settle_reviewed(generation: Generation, *, by: By, reason: str, now: datetime) -> None:
    """Spend the credits of a `needs_review` generation: the vendor charged for it.

    Without a film of the vendor it counts as failed. Raises as `release_reviewed` does.
    """
    _end_reviewed(generation, Money.SETTLE, by=by, reason=reason, now=now)


def adjust(generation: Generation, *, spent: bool, by: By, reason: str, now: datetime) -> None:
    """Correct what an ended generation cost, once.

    Raises `PermissionDenied`, otherwise as `billing.ledger.adjust_hold` does.
    """
    by.require(Permission.APPROVE, team_id=generation.team_id)
    reason = typed_reason(reason)
    with transaction.atomic():
        adjust_hold(hold_id=generation.hold_id, spent=spent, by=by, reason=reason, now=now)
        words = "corrected to spent" if spent else "corrected to released"
        message = f"{generation.credits} credits {words}: {reason}"
        record_event(generation, EventKind.ADJUSTED, by=by, message=message)
        _record(generation, AuditAction.GENERATION_ADJUSTED, by, reason, spent=spent)


def apply_late_truth(generation: Generation, report: TaskReport, *, now: datetime) -> None:
    """Correct a generation that a person ended before the vendor answered (P14).

    The vendor's answer that says otherwise makes one adjusting entry; a finished film is kept. What
    the wallet cannot pay is looked for again until it can.
    """
    watched = Generation.objects.filter(pk=generation.pk, next_poll_at__isnull=False)
    if report.status not in {TaskStatus.COMPLETED, TaskStatus.FAILED}:
        watched.update(next_poll_at=watch_again_at(generation, now), poll_holder="")
        return
    try:
        with transaction.atomic():
            # The row count decides between two decisions about one generation.
            if watched.update(next_poll_at=None, poll_holder=""):
                _apply(generation, report, now=now)
    except InsufficientCredits as error:
        watched.update(next_poll_at=now + _WATCH_EVERY, poll_holder="")
        _log_unbooked(generation, error)
    except LedgerConflict as error:  # people corrected it already
        watched.update(next_poll_at=watch_again_at(generation, now), poll_holder="")
        _log_unbooked(generation, error)


def awaits_late_id(generation: Generation, *, now: datetime) -> bool:
    """Return whether a person ended it without knowing the vendor's id, and so recently that a
    callback may still bring the id to light.
    """
    return (
        generation.ending == Ending.DECIDED_IN_REVIEW
        and generation.upstream_id is None
        and generation.ended_at is not None
        and now - generation.ended_at < LATE_WATCH
    )


def watch_again_at(generation: Generation, now: datetime) -> datetime | None:
    """Return when to look again for the vendor's answer on an ended generation; None: no more."""
    ended_at = generation.ended_at or now
    return now + _WATCH_EVERY if now - ended_at < LATE_WATCH else None


def _apply(generation: Generation, report: TaskReport, *, now: datetime) -> None:
    charged = report.status == TaskStatus.COMPLETED
    generation.hold.refresh_from_db()
    if (generation.hold.spent > 0) != charged:
        adjust(
            generation,
            spent=charged,
            by=By.system("poll"),
            reason="The vendor answered after the decision.",
            now=now,
        )
    if charged:
        begin_keeping(generation, report, now=now)


def _log_unbooked(generation: Generation, error: DailiesError) -> None:
    log.error("late_truth_not_booked", generation_id=str(generation.id), problem=error.message)


def _end_reviewed(
    generation: Generation, money: Money, *, by: By, reason: str, now: datetime
) -> None:
    by.require(Permission.APPROVE, team_id=generation.team_id)
    reason = typed_reason(reason)
    if not reason:
        raise InvalidRequest("Enter a reason.", field="reason")
    if generation.state != State.NEEDS_REVIEW:
        raise Conflict("This is not in review.")
    with transaction.atomic():
        ended = end_generation(
            generation,
            Ending.DECIDED_IN_REVIEW,
            money=money,
            by=by,
            now=now,
            message=f"Decided by a person: {reason}",
            error_message=reason,
        )
        if not ended:
            raise Conflict("This is not in review.")
        if generation.upstream_id is not None:
            Generation.objects.filter(pk=generation.pk).update(next_poll_at=now + _WATCH_EVERY)
        _record(generation, _REVIEW_ACTIONS[money], by, reason)


def _record(
    generation: Generation, action: AuditAction, by: By, reason: str, **data: object
) -> None:
    record(
        by=by,
        action=action,
        team=generation.team,
        subject=generation,
        reason=reason,
        credits=generation.credits,
        **data,
    )
