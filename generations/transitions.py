"""The one way a generation changes state, and the one way it ends."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, Unpack

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.authority import By
from billing.ledger import release_hold, settle_hold
from generations.lifecycle import (
    COUNTS_IN_FLIGHT,
    ENDED_BY_VENDOR,
    TERMINAL,
    Ending,
    EventKind,
    Money,
    ReviewCause,
    ReviewReason,
    State,
    check_transition,
    state_of,
)
from generations.models import Generation, GenerationEvent
from generations.notifications import notify_ended
from generations.provider_keys import anything_due, wake_dispatch
from platform_site.clusters.watch import announce
from platform_site.errors import Conflict

log = structlog.get_logger(__name__)

# What the sweep watches: announced where a generation is to be asked about sooner than it knew.
POLLS = "polls"


class Changes(TypedDict, total=False):
    """The columns that may change with a transition."""

    review_reason: ReviewReason
    submitted_at: datetime | None
    next_submit_at: datetime | None
    submit_attempts: int
    upstream_id: str
    accepted_at: datetime
    next_poll_at: datetime
    poll_holder: str
    polls: int
    poll_failures: int


class EndChanges(TypedDict, total=False):
    """The columns that may change with an end."""

    upstream_metadata: dict[str, Any]
    metadata_differs: bool
    seed: int | None


def awaiting_approval(draft: Generation) -> Generation:
    """Return a generation that was not inserted yet as one that nothing sends before it is
    approved.
    """
    draft.state = State.AWAITING_APPROVAL
    draft.next_submit_at = None
    return draft


def transition(
    generation: Generation,
    to_state: State,
    *,
    by: By,
    message: str = "",
    cause: ReviewCause | None = None,
    data: Mapping[str, Any] | None = None,
    **changes: Unpack[Changes],
) -> bool:
    """Move to `to_state` if the generation still is where this object says, and write the event.

    A conditional UPDATE; its row count is believed. Returns False when somebody else moved it
    first: the caller then does nothing. Ends are for `end_generation` alone. Into review, `cause`
    and its `data` go into the event.
    """
    if to_state in TERMINAL:
        raise ValueError("A generation ends through end_generation only.")
    columns: dict[str, Any] = {**changes}
    return _transition(
        generation, to_state, by=by, message=message, changes=columns, cause=cause, data=data
    )


def end_generation(
    generation: Generation,
    ending: Ending,
    *,
    money: Money,
    by: By,
    now: datetime,
    message: str = "",
    error_code: str = "",
    error_message: str = "",
    **changes: Unpack[EndChanges],
) -> bool:
    """End a generation and close its hold, in one transaction (P10, P11).

    `money` says whether the vendor charged. `error_code` is the vendor's, of what the vendor ended;
    any other ending is its own. Returns False, having changed nothing, when the generation moved on
    in the meantime.
    """
    to_state = state_of(ending)
    columns: dict[str, Any] = {
        **changes,
        "ending": ending,
        "ended_at": now,
        "next_poll_at": None,
        "poll_holder": "",
        "next_submit_at": None,
        "error_code": error_code if ending in ENDED_BY_VENDOR else ending,
        "error_message": error_message,
    }
    close = settle_hold if money == Money.SETTLE else release_hold
    with transaction.atomic():
        if not _transition(generation, to_state, by=by, message=message, changes=columns):
            return False
        close(hold_id=generation.hold_id, by=by, reason=message or to_state, now=now)
        notify_ended(generation, now=now)
    log.info(
        "generation_ended",
        generation_id=str(generation.id),
        upstream_id=generation.upstream_id,
        state=to_state,
        ending=ending,
        money=money,
        credits=generation.credits,
    )
    return True


def end_unsent(
    generation: Generation, ending: Ending, *, by: By, now: datetime, message: str
) -> None:
    """End what the vendor never had, and release its hold, in one transaction.

    `message` is its event's and what people read. Raises `Conflict` when it moved on meanwhile.
    """
    ended = end_generation(
        generation,
        ending,
        money=Money.RELEASE,
        by=by,
        now=now,
        message=message,
        error_message=message,
    )
    if not ended:
        raise Conflict


def record_event(generation: Generation, kind: EventKind, *, by: By, message: str = "") -> None:
    """Write an event that is not a move."""
    _write_event(generation, kind, by=by, message=message)


def _transition(
    generation: Generation,
    to_state: State,
    *,
    by: By,
    message: str,
    changes: dict[str, Any],
    cause: ReviewCause | None = None,
    data: Mapping[str, Any] | None = None,
) -> bool:
    from_state = State(generation.state)
    check_transition(from_state, to_state)
    if to_state != State.NEEDS_REVIEW:
        changes = {"review_reason": "", **changes}
    with transaction.atomic():
        moved = Generation.objects.filter(pk=generation.pk, state=from_state).update(
            state=to_state, **changes
        )
        if not moved:
            return False
        for name, value in {"state": to_state, **changes}.items():
            setattr(generation, name, value)
        _write_event(
            generation,
            EventKind.MOVED,
            by=by,
            message=message,
            from_state=from_state,
            to_state=to_state,
            cause=cause or "",
            data=dict(data or {}),
        )
        if changes.get("next_poll_at") is not None:
            announce(POLLS)
        if from_state in COUNTS_IN_FLIGHT and to_state not in COUNTS_IN_FLIGHT:
            _fill_slot(generation)
    return True


def _fill_slot(generation: Generation) -> None:
    """Let the place that a generation leaves be taken by the key's next one, if one waits."""
    if anything_due(generation.provider_key_id, now=timezone.now()):
        wake_dispatch()


def _write_event(
    generation: Generation,
    kind: EventKind,
    *,
    by: By,
    message: str,
    **move: Any,
) -> None:
    GenerationEvent.objects.create(
        generation=generation,
        kind=kind,
        message=message,
        **move,
        actor=by.name,
        request_id=by.request_id,
        upstream_id=generation.upstream_id or "",
    )
