"""The one way a generation changes state, and the one way it ends."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

import structlog
from django.db import connection, transaction
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
from generations.provider_keys import wake_for_slot
from platform_site.clusters.watch import announce
from platform_site.db.inserts import Insert, insert
from platform_site.errors import Conflict

log = structlog.get_logger(__name__)

# What the sweep watches: announced where a generation is to be asked about sooner than it knew.
POLLS = "polls"
# Written by hand where thousands go this way: the ORM would compile each again.
_TRANSITION = "UPDATE generations_generation SET {columns} WHERE state = %s AND id IN ({ids})"
# What sending needs of a row; the rest is read by whoever asks for it.
_SENT = (
    "id, state, provider_key_id, team_id, user_id, hold_id, credits, body, callback_token,"
    " submit_attempts, submitted_at, next_submit_at, upstream_id"
)
_EVENTS = Insert(GenerationEvent)


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


def transition_all(
    ids: Sequence[UUID], start: State, end: State, *, by: By, **changes: Unpack[Changes]
) -> list[Generation]:
    """Move those of `ids` that still are in `start` to `end`, and write their events.

    As `transition` does, in two statements, and inside the caller's transaction. Returns what was
    moved, in the order of `ids`, with the columns that sending needs; others are read when asked
    for. An end, or a move that leaves the provider, is none for many.
    """
    check_transition(start, end)
    if end in TERMINAL or start in COUNTS_IN_FLIGHT:
        raise ValueError(f"From {start} to {end} generations go one by one.")
    if not ids:
        return []
    sql, parameters = _transition_sql(ids, start, {"state": end, **changes})
    rows = {one.pk: one for one in Generation.objects.raw(f"{sql} RETURNING {_SENT}", parameters)}
    moved = [rows[pk] for pk in ids if pk in rows]
    _write_events(moved, EventKind.MOVED, by=by, from_state=start, to_state=end)
    return moved


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
    _write_events([generation], kind, by=by, message=message)


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
        sql, parameters = _transition_sql(
            [generation.pk], from_state, {"state": to_state, **changes}
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            if not cursor.rowcount:
                return False
        for name, value in {"state": to_state, **changes}.items():
            setattr(generation, name, value)
        _write_events(
            [generation],
            EventKind.MOVED,
            by=by,
            message=message,
            from_state=from_state,
            to_state=to_state,
            cause=cause or "",
            data=data,
        )
        if changes.get("next_poll_at") is not None:
            announce(POLLS)
        if from_state in COUNTS_IN_FLIGHT and to_state not in COUNTS_IN_FLIGHT:
            wake_for_slot(generation.provider_key_id)
    return True


def _transition_sql(
    ids: Sequence[UUID], start: State, columns: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    """Return the UPDATE, and its parameters, that moves what is in `start`, and nothing else."""
    names = ", ".join(f"{name} = %s" for name in columns)
    sql = _TRANSITION.format(columns=names, ids=", ".join(["%s"] * len(ids)))
    return sql, [_adapted(one) for one in (*columns.values(), start, *ids)]


def _adapted(value: Any) -> Any:
    """Return a column's value as the database takes it."""
    match value:
        case datetime():
            return connection.ops.adapt_datetimefield_value(value)
        case UUID():
            return value if connection.features.has_native_uuid_field else value.hex
        case dict():
            return json.dumps(value)
    return value


def _write_events(
    generations: Sequence[Generation],
    kind: EventKind,
    *,
    by: By,
    message: str = "",
    from_state: str = "",
    to_state: str = "",
    cause: str = "",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write the same event of each generation, in one statement."""
    at = timezone.now()
    events = [
        GenerationEvent(
            generation=generation,
            at=at,
            kind=kind,
            from_state=from_state,
            to_state=to_state,
            message=message,
            cause=cause,
            data=dict(data or {}),
            actor=by.name,
            request_id=by.request_id,
            upstream_id=generation.upstream_id or "",
        )
        for generation in generations
    ]
    with connection.cursor() as cursor:
        insert(cursor, _EVENTS.of(events))
