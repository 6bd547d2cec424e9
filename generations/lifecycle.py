"""The life of a generation as data: its states and the ways between them. Pure."""

from datetime import timedelta
from enum import StrEnum

from django.db import models


class State(models.TextChoices):
    """Where a generation stands."""

    AWAITING_APPROVAL = "awaiting_approval", "Awaiting approval"
    QUEUED = "queued", "Queued"
    SUBMITTING = "submitting", "Sending"
    PROCESSING = "processing", "Rendering"
    NEEDS_REVIEW = "needs_review", "Needs review"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class ReviewReason(models.TextChoices):
    """Why nobody but the vendor or an audited person can say how a generation ended."""

    SUBMIT_UNKNOWN = "submit_unknown", "The vendor may have accepted it without telling us"
    SILENT = "silent", "The vendor has not finished it by its deadline"
    UNRECORDED = "unrecorded", "The vendor’s answer could not be recorded"


class ReviewCause(models.TextChoices):
    """What exactly brought a generation into review."""

    BROKEN_OFF = "broken_off", "The connection broke before the answer was complete"
    NO_ENVELOPE = "no_envelope", "Something other than the vendor answered"
    TOO_LARGE = "too_large", "The answer was too large"
    ENDLESS = "endless", "The answer did not end"
    UNUSABLE_ID = "unusable_id", "The vendor accepted it under an ID that cannot be stored"
    UNCLEAR_ANSWER = "unclear_answer", "The answer was unclear"
    WORKER_STOPPED = "worker_stopped", "The worker stopped while sending"
    DEADLINE_PASSED = "deadline_passed", "The deadline passed"
    NOT_RECORDED = "not_recorded", "The vendor’s answer could not be recorded"


class Ending(models.TextChoices):
    """How a generation ended, and by whom. What people or we ended has this as its error code;
    what the vendor ended has the vendor's, whatever word that is.
    """

    COMPLETED = "completed", "Completed by the vendor"
    FAILED = "failed", "Failed by the vendor"
    REFUSED = "refused", "Refused by the vendor"
    MODERATED = "moderated", "Refused by the vendor’s moderation"
    DECIDED_IN_REVIEW = "decided_in_review", "Decided in review"
    CANCELLED = "cancelled", "Cancelled by a person"
    APPROVAL_DENIED = "approval_denied", "Denied by a manager"
    APPROVAL_EXPIRED = "approval_expired", "Not decided in time"


# How long the vendor's own answer is looked for after a person ended one in review.
LATE_WATCH = timedelta(hours=24)


class EventKind(models.TextChoices):
    """What an event of a generation is about."""

    MOVED = "moved", "State changed"
    ADMITTED = "admitted", "Submitted"  # told by the ledger's opening entry, and not by a row
    KEPT = "kept", "Film saved"
    FILM_LOST = "film_lost", "Film lost"
    FILM_TRIED_AGAIN = "film_tried_again", "Saving again"
    FILM_REMOVED = "film_removed", "Film removed"
    PRIORITY_SET = "priority_set", "Priority changed"
    CALLBACK = "callback", "Callback"
    CANCEL_REQUESTED = "cancel_requested", "Cancel requested"
    LOOKED = "looked", "Check requested"
    UNRECORDED = "unrecorded", "Answer not recorded"
    ID_ADOPTED = "id_adopted", "Vendor task linked"
    REVIEW_TOLD = "review_told", "Managers notified"
    ADJUSTED = "adjusted", "Corrected"
    USAGE_MOVED = "usage_moved", "Vendor usage changed"
    USAGE_STILL = "usage_still", "Vendor usage unchanged"


class Money(StrEnum):
    """What becomes of the hold when a generation ends."""

    SETTLE = "settle"
    RELEASE = "release"


# The vendor does not have it yet.
WAITING = frozenset({State.AWAITING_APPROVAL, State.QUEUED})
LIVE = frozenset({State.AWAITING_APPROVAL, State.QUEUED, State.SUBMITTING, State.PROCESSING})
TERMINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})
IN_FLIGHT = frozenset({State.SUBMITTING, State.PROCESSING, State.NEEDS_REVIEW})
# What counts against a provider key's cap: one in review may be stuck forever, and must not.
COUNTS_IN_FLIGHT = frozenset({State.SUBMITTING, State.PROCESSING})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.AWAITING_APPROVAL: frozenset({State.QUEUED, State.CANCELLED}),
    State.QUEUED: frozenset({State.SUBMITTING, State.CANCELLED}),
    State.SUBMITTING: frozenset({State.QUEUED, State.PROCESSING, State.NEEDS_REVIEW, State.FAILED}),
    State.PROCESSING: frozenset({State.NEEDS_REVIEW, State.COMPLETED, State.FAILED}),
    State.NEEDS_REVIEW: frozenset({State.PROCESSING, *TERMINAL}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}


ENDINGS: dict[State, frozenset[Ending]] = {
    State.COMPLETED: frozenset({Ending.COMPLETED}),
    State.FAILED: frozenset(
        {Ending.FAILED, Ending.REFUSED, Ending.MODERATED, Ending.DECIDED_IN_REVIEW}
    ),
    State.CANCELLED: frozenset({Ending.CANCELLED, Ending.APPROVAL_DENIED, Ending.APPROVAL_EXPIRED}),
}
ENDED_BY_VENDOR = frozenset({Ending.COMPLETED, Ending.FAILED, Ending.REFUSED, Ending.MODERATED})


def state_of(ending: Ending) -> State:
    """Return the state that an ending leads to."""
    return next(state for state, endings in ENDINGS.items() if ending in endings)


class IllegalTransition(ValueError):
    """Code asked for a move that the life cycle does not have."""


def check_transition(start: State, end: State) -> None:
    """Raise `IllegalTransition` unless the life cycle has a move from `start` to `end`."""
    if end not in TRANSITIONS[start]:
        raise IllegalTransition(f"{start} does not lead to {end}.")


class ApiStatus(StrEnum):
    """The vendor's four words."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


API_STATUS: dict[State, ApiStatus] = {
    State.AWAITING_APPROVAL: ApiStatus.PENDING,
    State.QUEUED: ApiStatus.PENDING,
    State.SUBMITTING: ApiStatus.PENDING,
    State.PROCESSING: ApiStatus.PROCESSING,
    State.NEEDS_REVIEW: ApiStatus.PROCESSING,
    State.COMPLETED: ApiStatus.COMPLETED,
    State.FAILED: ApiStatus.FAILED,
    State.CANCELLED: ApiStatus.FAILED,
}
