"""The one way a generation changes state, and the one way it ends."""

from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.authority import By
from billing.ledger import release_hold, settle_hold
from generations.lifecycle import (
    COUNTS_IN_FLIGHT,
    TERMINAL,
    EventKind,
    Money,
    State,
    check_transition,
)
from generations.models import Generation, GenerationEvent
from generations.notifications.generation_events import notify_ended
from generations.provider_keys.load import anything_due
from generations.provider_keys.wakeup import wake_dispatch

log = structlog.get_logger(__name__)


def transition(
    generation: Generation,
    to_state: State,
    *,
    by: By,
    message: str = "",
    **changes: Any,
) -> bool:
    """Move to `to_state` if the generation still is where this object says, and write the event.

    A conditional UPDATE; its row count is believed. Returns False when somebody else moved it
    first: the caller then does nothing. Ends are for `end_generation` alone.
    """
    if to_state in TERMINAL:
        raise ValueError("A generation ends through end_generation only.")
    return _transition(generation, to_state, by=by, message=message, changes=changes)


def end_generation(
    generation: Generation,
    to_state: State,
    *,
    money: Money,
    by: By,
    now: datetime,
    message: str = "",
    error_code: str = "",
    error_message: str = "",
    **changes: Any,
) -> bool:
    """End a generation and close its hold, in one transaction (P10, P11).

    `money` says whether the vendor charged. Returns False, having changed nothing, when the
    generation moved on in the meantime.
    """
    changes |= {
        "ended_at": now,
        "next_poll_at": None,
        "poll_holder": "",
        "next_submit_at": None,
        "error_code": error_code,
        "error_message": error_message,
    }
    close = settle_hold if money == Money.SETTLE else release_hold
    with transaction.atomic():
        if not _transition(generation, to_state, by=by, message=message, changes=changes):
            return False
        close(hold_id=generation.hold_id, by=by, reason=message or to_state, now=now)
        notify_ended(generation, now=now)
    log.info(
        "generation_ended",
        generation_id=str(generation.id),
        upstream_id=generation.upstream_id,
        state=to_state,
        money=money,
        credits=generation.credits,
    )
    return True


def record_event(generation: Generation, kind: EventKind, *, by: By, message: str = "") -> None:
    """Write an event that is not a move."""
    _write_event(generation, kind, by=by, message=message)


def _transition(
    generation: Generation, to_state: State, *, by: By, message: str, changes: dict[str, Any]
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
            generation, EventKind.MOVED, by=by, message=message, from_=from_state, to=to_state
        )
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
    from_: str = "",
    to: str = "",
) -> None:
    GenerationEvent.objects.create(
        generation=generation,
        kind=kind,
        from_state=from_,
        to_state=to,
        message=message,
        actor=by.name,
        request_id=by.request_id,
        upstream_id=generation.upstream_id or "",
    )
