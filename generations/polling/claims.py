"""The few statements by which sweeps share the rows that are due, and put them off again.

A row is claimed by moving its time on and naming the holder, so that a sweep that dies frees it
by time alone. What puts a row off is conditional on that claim: a callback that came while
the vendor was asked moved the time to now, and that stands.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import (
    BooleanField,
    Case,
    DateTimeField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Value,
    When,
    Window,
)
from django.db.models.functions import RowNumber

from generations.lifecycle import State
from generations.models import Generation
from generations.polling.render_times import FilmKind

# Longer than any request lasts, its wait for a thread included.
CLAIM = timedelta(seconds=60)

_RUNNING = (State.PROCESSING, State.NEEDS_REVIEW)


class Due(NamedTuple):
    """What the sweep needs of one row; it builds no objects of rows that still run."""

    id: UUID
    provider_key_id: int
    upstream_id: str
    state: str
    model: str
    resolution: str
    duration: int
    created_at: datetime
    accepted_at: datetime | None
    poll_failures: int

    @property
    def kind(self) -> FilmKind:
        """Return what its render time is compared by."""
        return self.model, self.resolution, self.duration

    @property
    def in_trouble(self) -> bool:
        """Return whether the last answer was unclear."""
        return self.poll_failures > 0

    @property
    def since(self) -> datetime:
        """Return since when the vendor has had it."""
        return self.accepted_at or self.created_at


def is_anything_due(now: datetime) -> bool:
    """Return whether there is a row to ask about; cheap, for a loop that has nothing to do."""
    return _due(now).exists()


def due_rows(
    now: datetime, *, limit: int, without_keys: Collection[int] = (), with_trouble: bool = True
) -> list[Due]:
    """Return rows to ask about, the longest due first but the keys in turn, nobody's yet.

    A key's rows that gave trouble take turns with its others.
    """
    due = _due(now)
    if without_keys:
        due = due.exclude(provider_key__in=without_keys)
    if not with_trouble:
        due = due.filter(poll_failures=0)
    in_trouble = ExpressionWrapper(Q(poll_failures__gt=0), output_field=BooleanField())
    rank = Window(
        RowNumber(),
        partition_by=[F("provider_key_id"), in_trouble],
        order_by=F("next_poll_at").asc(),
    )
    rows = due.order_by(rank, "next_poll_at").values_list(*Due._fields)
    return [Due._make(row) for row in rows[:limit]]


def claim_rows(rows: Sequence[Due], *, holder: str, now: datetime) -> list[Due]:
    """Take those that are still due; each row goes to one holder (P26)."""
    if not rows:
        return []
    until = now + CLAIM
    with transaction.atomic():
        # Another sweep's rows are skipped: waiting for them in another order would deadlock.
        free = _due(now).filter(pk__in=[row.id for row in rows])
        mine = free.select_for_update(skip_locked=True).values("pk")
        Generation.objects.filter(pk__in=mine, next_poll_at__lte=now).update(
            next_poll_at=until, poll_holder=holder
        )
        held = Generation.objects.filter(poll_holder=holder, next_poll_at=until)
        taken = set(held.values_list("pk", flat=True))
    return [row for row in rows if row.id in taken]


def put_off(
    times: Mapping[UUID, datetime], *, holder: str, claimed_at: datetime, clear: bool
) -> int:
    """Write when each row that still runs is looked at next, in one statement; return how many.

    `claimed_at` is when the first of them was claimed; `clear` tells whether the vendor's answers
    were. Rows that moved on, or that a callback made due, stay as they are.
    """
    if not times:
        return 0
    by_time: dict[datetime, list[UUID]] = defaultdict(list)
    for pk, at in times.items():
        by_time[at].append(pk)
    whens = [When(pk__in=pks, then=Value(at)) for at, pks in by_time.items()]
    with transaction.atomic():
        return _held(times, holder, claimed_at).update(
            next_poll_at=Case(*whens, output_field=DateTimeField()),
            polls=F("polls") + 1,
            poll_failures=0 if clear else F("poll_failures") + 1,
            poll_holder="",
        )


def give_back(ids: Collection[UUID], *, holder: str, claimed_at: datetime, at: datetime) -> int:
    """Let others ask, from `at` on, about rows that were claimed and not asked about."""
    return _held(ids, holder, claimed_at).update(next_poll_at=at, poll_holder="") if ids else 0


def is_behind(now: datetime, *, by: timedelta) -> bool:
    """Return whether rows without trouble wait to be asked about for longer than `by`."""
    return _due(now - by).filter(poll_failures=0).exists()


def _due(now: datetime) -> QuerySet[Generation]:
    return Generation.objects.filter(next_poll_at__lte=now, upstream_id__isnull=False)


def _held(ids: Collection[UUID], holder: str, claimed_at: datetime) -> QuerySet[Generation]:
    return Generation.objects.filter(
        pk__in=list(ids),
        poll_holder=holder,
        next_poll_at__gte=claimed_at + CLAIM,
        state__in=_RUNNING,
    )
