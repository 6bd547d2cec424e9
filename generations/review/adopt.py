"""Bring a lost vendor task back: from a callback's proposal, or from what a person found (P30)."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction
from accounts.roles import Permission
from generations.archive import link_life_of
from generations.errors import NoProviderAnswer, TaskTimeMismatch
from generations.lifecycle import Ending, EventKind, ReviewReason, State
from generations.models import Generation, ProviderKey
from generations.provider_keys import client_for
from generations.review.corrections import awaits_late_id
from generations.transitions import Changes, record_event, transition
from generations.vendors import (
    ProviderError,
    ProviderRefused,
    TaskReport,
    TaskUnknown,
    usable_task_id,
)
from platform_site.errors import Conflict, InvalidRequest
from platform_site.text.visible import bare_id, typed_reason

# The vendor's clock may run some minutes beside ours, before or after.
CLOCK_SLACK = timedelta(minutes=5)


def adopt_found_id(
    generation: Generation,
    upstream_id: str,
    *,
    by: By,
    reason: str,
    now: datetime,
    despite_time: bool = False,
) -> None:
    """Bind a generation to the task that a person found in the vendor's console.

    The vendor is asked with the pinned key, as about a callback's proposal; nothing else is taken
    on trust. Also for one that a person ended without an id: the vendor's answer then corrects it.
    `despite_time`: the person knows that the task is ours although its time says otherwise.
    Raises `PermissionDenied` for who does not decide in its team, `InvalidRequest` for an id that
    is not the generation's, `TaskTimeMismatch` for one that only its time speaks against,
    `NoProviderAnswer` when the vendor gave no clear answer, `Conflict` when the generation lacks
    no id (any more).
    """
    by.require(Permission.APPROVE, team_id=generation.team_id)
    upstream_id = bare_id(upstream_id)
    reason = typed_reason(reason)
    if not reason:
        raise InvalidRequest("Enter a reason.", field="reason")
    if usable_task_id(upstream_id) is None:
        raise InvalidRequest(
            "That is not a task ID of the vendor's. Paste the ID alone, as its console shows it.",
            field="upstream_id",
        )
    if not lacks_id(generation):
        raise Conflict("This has a vendor task already, or needs none.")
    report = _asked(generation, upstream_id)
    if _is_taken(report.id, generation):
        raise InvalidRequest("That task belongs to another generation.", field="upstream_id")
    mismatch = time_mismatch(report, generation)
    if mismatch and not despite_time:
        raise TaskTimeMismatch(mismatch, field="despite_time")
    with transaction.atomic():
        if not adopt_task(generation, report.id, by=by, now=now, reason=reason):
            raise Conflict("Someone has just linked that task to another generation.")
        record(
            by=by,
            action=AuditAction.GENERATION_ID_ADOPTED,
            team=generation.team,
            subject=generation,
            reason=reason,
            upstream_id=report.id,
            time_mismatch=mismatch,
        )


def lacks_id(generation: Generation) -> bool:
    """Return whether the vendor's id is sought: of one in review, or ended without it."""
    in_doubt = generation.review_reason == ReviewReason.SUBMIT_UNKNOWN
    return generation.upstream_id is None and (in_doubt or _was_decided(generation))


def time_mismatch(report: TaskReport, generation: Generation) -> str:
    """Return why a task's time speaks against it, as a sentence; "" when it does not."""
    submitted_at = generation.submitted_at
    if submitted_at is None or report.created_at is None:
        return "The vendor does not say when it created that task."
    if report.created_at < (submitted_at - CLOCK_SLACK).timestamp():
        return "The vendor created that task before this was sent."
    if report.created_at > (submitted_at + link_life_of(generation)).timestamp():
        return "The vendor created that task long after this was sent."
    return ""


def adopt_task(
    generation: Generation, upstream_id: str, *, by: By, now: datetime, reason: str = ""
) -> bool:
    """Bind a generation to the vendor's task, and go on polling it.

    One in review goes back to `processing`. One that a person ended stays ended: the answer that
    polling brings corrects what it cost (P14). False when the task belongs to another
    generation, or when the generation lacks no id any more.
    """
    for _ in range(2):  # a person may end it while the vendor is asked
        try:
            with transaction.atomic():
                _wait_for_other_adoptions(generation)
                if not _is_taken(upstream_id, generation) and _bind(
                    generation, upstream_id, by=by, now=now, reason=reason
                ):
                    return True
        except IntegrityError:
            return False
        generation.refresh_from_db()
    return False


def _asked(generation: Generation, upstream_id: str) -> TaskReport:
    try:
        return client_for(generation.provider_key).get_task(upstream_id)
    except TaskUnknown as refusal:
        raise InvalidRequest(
            f"The vendor has no such task for the key “{generation.provider_key.label}”.",
            field="upstream_id",
        ) from refusal
    except ProviderRefused as refusal:
        raise NoProviderAnswer(f"The vendor refused to say: {refusal.message}") from refusal
    except ProviderError as error:
        raise NoProviderAnswer(f"The vendor gave no clear answer. {error.message}") from error


def _was_decided(generation: Generation) -> bool:
    return generation.ending == Ending.DECIDED_IN_REVIEW


def _is_taken(upstream_id: str, generation: Generation) -> bool:
    # One secret may be vaulted twice and then answers for both rows' tasks.
    return Generation.objects.filter(
        upstream_id=upstream_id, provider_key__endpoint=generation.provider_key.endpoint
    ).exists()


def _wait_for_other_adoptions(generation: Generation) -> None:
    """Let one adoption an endpoint look and bind at a time: no constraint spans two keys."""
    endpoint = generation.provider_key.endpoint
    first = ProviderKey.objects.only("pk").filter(endpoint=endpoint).earliest("pk")
    # Writing what is there already locks the row until the commit.
    ProviderKey.objects.filter(pk=first.pk).update(last4=F("last4"))


def _bind(generation: Generation, upstream_id: str, *, by: By, now: datetime, reason: str) -> bool:
    message = f"Linked the vendor's task {upstream_id}. {reason}".strip()
    changes: Changes = {
        "upstream_id": upstream_id,
        "accepted_at": generation.submitted_at or now,
        "next_poll_at": now,
        "poll_failures": 0,
    }
    if generation.review_reason == ReviewReason.SUBMIT_UNKNOWN:
        return transition(generation, State.PROCESSING, by=by, message=message, **changes)
    if not _was_decided(generation):
        return False
    ended = Generation.objects.filter(
        pk=generation.pk, ending=Ending.DECIDED_IN_REVIEW, upstream_id=None
    )
    if not ended.update(**changes):
        return False
    generation.upstream_id = upstream_id
    record_event(generation, EventKind.ID_ADOPTED, by=by, message=message)
    return True


def may_still_come(generation: Generation, *, now: datetime) -> bool:
    """Return whether a callback may still bring this generation its id."""
    waits = generation.state in {State.SUBMITTING, State.NEEDS_REVIEW}
    return generation.upstream_id is None and (waits or awaits_late_id(generation, now=now))
