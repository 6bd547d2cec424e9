"""What the vendor's answer to a poll means for one generation."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F

from accounts.authority import By
from generations.archive import begin_keeping
from generations.catalog import differs_from_request
from generations.lifecycle import Ending, EventKind, Money, ReviewCause, ReviewReason, State
from generations.models import Generation
from generations.polling.render_times import expectations_of_site, film_kind_of
from generations.polling.schedule import wait_before_look
from generations.review import apply_late_truth, watch_again_at
from generations.transitions import end_generation, record_event, transition
from generations.vendors import TaskReport, TaskStatus
from platform_site.errors import ErrorCode

log = structlog.get_logger(__name__)
SYSTEM = By.system("poll")

DEADLINE = timedelta(hours=2)  # typical render times are minutes (docs/vendor.md)
_SILENT = "The vendor has not finished it by its deadline; its credits stay held."
_UNRECORDED = "The vendor's answer could not be recorded; its credits stay held."


@dataclass(frozen=True, slots=True)
class PollOutcome:
    """What came of one poll: a report, or None when there was none that is clear.

    `unrecorded` when there was one that says how it ended and could not be written here.
    """

    generation: Generation
    report: TaskReport | None
    unrecorded: bool = False


def needs_transition(
    report: TaskReport | None, *, state: str, since: datetime, now: datetime
) -> bool:
    """Return whether an answer may change more than when to look again, for a generation that the
    vendor has had `since` then.
    """
    if report is not None and report.has_ended:
        return True
    if state == State.PROCESSING:
        return now - since > DEADLINE
    return state != State.NEEDS_REVIEW


def deadline_of(generation: Generation) -> datetime:
    """Return when a generation that the vendor still works on goes to review."""
    return _since(generation) + DEADLINE


def apply_answer(answer: PollOutcome, *, now: datetime) -> None:
    """Act on one poll. Only the vendor's clear answer ends anything (P13, P28); the deadline passes
    whether it says that it still works or says nothing that we understand.
    """
    generation, report = answer.generation, answer.report
    if report is not None and generation.is_terminal:
        apply_late_truth(generation, report, now=now)
    elif report is not None and report.status == TaskStatus.COMPLETED:
        complete(generation, report, now=now)
    elif report is not None and report.status == TaskStatus.FAILED:
        _fail(generation, report, now)
    elif not generation.is_terminal and needs_transition(
        report, state=generation.state, since=_since(generation), now=now
    ):
        _ask_for_review(answer, now)
    else:
        _look_again(generation, report, now)


def count_unrecorded(answer: PollOutcome, *, now: datetime) -> None:
    """Count an answer that could not be acted on as an unclear one, so that it has a deadline too:
    else it would be asked for again and again, forever. In review, say that this is the reason.
    """
    # Read again: what failed has left its changes on the object that it had.
    generation = Generation.objects.select_related("team", "film").get(pk=answer.generation.pk)
    has_ended = answer.report is not None and answer.report.has_ended
    with transaction.atomic():
        apply_answer(PollOutcome(generation, None, unrecorded=has_ended), now=now)
        silent = Generation.objects.filter(pk=generation.pk, review_reason=ReviewReason.SILENT)
        if has_ended and silent.update(review_reason=ReviewReason.UNRECORDED):
            record_event(generation, EventKind.UNRECORDED, by=SYSTEM, message=_UNRECORDED)


def complete(generation: Generation, report: TaskReport, *, now: datetime) -> bool:
    """Settle a finished task and start keeping its film, in one transaction.

    No URL is no reason not to settle: the vendor charged (P29).
    """
    seed = report.metadata.get("seed")
    with transaction.atomic():
        ended = end_generation(
            generation,
            Ending.COMPLETED,
            money=Money.SETTLE,
            by=SYSTEM,
            now=now,
            message="The vendor completed it.",
            upstream_metadata=report.metadata,
            metadata_differs=differs_from_request(generation, report.metadata),
            seed=seed if type(seed) is int and seed >= 0 else None,
        )
        if not ended:
            return False
        begin_keeping(generation, report, now=now)
    return True


def _fail(generation: Generation, report: TaskReport, now: datetime) -> None:
    end_generation(
        generation,
        Ending.MODERATED if report.moderated else Ending.FAILED,
        money=Money.RELEASE,
        by=SYSTEM,
        now=now,
        message="The vendor reported that it failed, and does not charge for it.",
        error_code=report.error_code or ErrorCode.UPSTREAM_ERROR,
        error_message=report.error_message or "The vendor gave no reason.",
    )


def _ask_for_review(answer: PollOutcome, now: datetime) -> None:
    generation, unrecorded = answer.generation, answer.unrecorded
    transition(
        generation,
        State.NEEDS_REVIEW,
        by=SYSTEM,
        message=_UNRECORDED if unrecorded else _SILENT,
        cause=ReviewCause.NOT_RECORDED if unrecorded else ReviewCause.DEADLINE_PASSED,
        review_reason=ReviewReason.UNRECORDED if unrecorded else ReviewReason.SILENT,
        next_poll_at=now + timedelta(minutes=5),
        poll_holder="",
        polls=generation.polls + 1,
        poll_failures=_failures(generation, answer.report),
    )


def _look_again(generation: Generation, report: TaskReport | None, now: datetime) -> None:
    failures = _failures(generation, report)
    row = Generation.objects.filter(pk=generation.pk, state=generation.state)
    if generation.is_terminal:
        # A slow answer must not have looked at again what another one has brought to its end.
        row = row.filter(next_poll_at__isnull=False)
        again_at = watch_again_at(generation, now)
    else:
        again_at = now + wait_before_look(
            state=generation.state,
            waited=(now - _since(generation)).total_seconds(),
            failures=failures,
            expected=expectations_of_site().get(film_kind_of(generation)),
        )
    row.update(next_poll_at=again_at, polls=F("polls") + 1, poll_failures=failures, poll_holder="")


def _failures(generation: Generation, report: TaskReport | None) -> int:
    return generation.poll_failures + 1 if report is None else 0


def _since(generation: Generation) -> datetime:
    return generation.accepted_at or generation.created_at
