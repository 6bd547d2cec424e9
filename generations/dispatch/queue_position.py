"""The queue position of each queued generation, and when it may start: shown, never decided by.

A forecast, as if nothing were submitted, cancelled or moved any more. Times come from what films
took so far; without a history there is a position and no time.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from generations.lifecycle import COUNTS_IN_FLIGHT, State
from generations.models import Generation, ProviderKey
from generations.polling import Expectation, FilmKind, expectations_of_site, film_kind_of

SOON_SECONDS = 5
# What a forecast is said in: seconds of the unit, and the steps it is rounded up by.
_UNITS = ((1, 10, "s"), (60, 1, "min"), (3600, 1, "hours"))
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}

Queue = Mapping[tuple[int, int], int]  # generations by (person, priority)


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """The `number`th of its key's queue, from 1; `seconds` until it starts, None when unknown."""

    number: int
    seconds: float | None

    @property
    def words(self) -> str:
        """Say it: "3rd in line, starts in about 4 min"."""
        where = "Next in line" if self.number == 1 else f"{_ordinal(self.number)} in line"
        return where if self.seconds is None else f"{where}, starts {_about(self.seconds)}"

    @property
    def is_at_once(self) -> bool:
        """Return whether only a free worker stands between it and the vendor."""
        return self.seconds is not None and self.seconds < SOON_SECONDS


@dataclass(frozen=True, slots=True)
class KeyQueue:
    """What one provider key has queued and at the vendor."""

    queued: Queue
    in_flight: Mapping[int, int]  # by person
    # Seconds that those in flight still need, soonest first, infinite for those that are overdue;
    # None where there is one of which nobody knows.
    remaining: Sequence[float] | None


def positions_of(generations: Iterable[Generation], *, now: datetime) -> dict[UUID, QueuePosition]:
    """Return the positions of those of `generations` that are queued, by their ids.

    Costs five queries a provider key, however long its queue is. A paused key's generations have no
    time.
    """
    by_key: dict[int, list[Generation]] = defaultdict(list)
    for one in generations:
        if one.state == State.QUEUED:
            by_key[one.provider_key_id].append(one)
    if not by_key:
        return {}
    expected = expectations_of_site()
    positions: dict[UUID, QueuePosition] = {}
    for key in ProviderKey.objects.filter(pk__in=by_key).defer("secret_token"):
        queue = _key_queue_of(key, expected, now=now)
        for generation, older in _with_older(by_key[key.pk]):
            number = (
                generations_before(
                    queue, person=generation.user_id, priority=generation.priority, older=older
                )
                + 1
            )
            usual = expected.get(film_kind_of(generation))
            seconds = seconds_to_start(queue, key, number=number, usual=usual, now=now)
            positions[generation.pk] = QueuePosition(number, seconds)
    return positions


def generations_before(queue: KeyQueue, *, person: int, priority: int, older: int) -> int:
    """Return how many of a key's generations go out before one that has `older` of its person and
    priority before it.

    Pure. Higher priorities go out first, each person by person, the one with least in flight before
    the others; each generation sent makes its person's count grow by one.
    """
    counts: dict[int, int] = defaultdict(int, queue.in_flight)
    before = 0
    for other_priority in sorted({one for _, one in queue.queued}, reverse=True):
        waiting = {who: count for (who, at), count in queue.queued.items() if at == other_priority}
        if other_priority > priority:
            before += sum(waiting.values())
            for who, count in waiting.items():
                counts[who] += count
        elif other_priority == priority:
            reached = counts[person] + older
            before += older + sum(
                min(count, max(0, reached - counts[who]))
                for who, count in waiting.items()
                if who != person
            )
    return before


def seconds_to_start(
    queue: KeyQueue, key: ProviderKey, *, number: int, usual: Expectation | None, now: datetime
) -> float | None:
    """Return in how many seconds the `number`th in the queue may start, None when nobody can know.

    Pure. It starts when enough of those before it have ended to leave it a slot, and not before
    the key's rate lets it.
    """
    if key.state == ProviderKey.State.PAUSED:
        return None
    wait = max(0.0, (key.next_send_at - now).total_seconds()) if key.next_send_at else 0.0
    if key.per_minute:
        wait += (number - 1) * 60 / key.per_minute
    free = max(0, key.max_in_flight - sum(queue.in_flight.values()))
    if number <= free:
        return wait
    if queue.remaining is None or not queue.remaining or usual is None:
        return None
    # One slot after the other comes free, and again a film's usual time later.
    rounds, nth = divmod(number - free - 1, max(len(queue.remaining), key.max_in_flight))
    first = queue.remaining[min(nth, len(queue.remaining) - 1)]
    return None if math.isinf(first) else max(wait, first + rounds * usual.p50)


def _key_queue_of(
    key: ProviderKey, expected: Mapping[FilmKind, Expectation], *, now: datetime
) -> KeyQueue:
    queued = Generation.objects.filter(provider_key=key, state=State.QUEUED).order_by()
    flying = Generation.objects.filter(
        provider_key=key, state__in=sorted(COUNTS_IN_FLIGHT)
    ).order_by()
    in_flight: dict[int, int] = defaultdict(int)
    left: list[float | None] = []
    for user_id, accepted_at, model, resolution, duration in flying.values_list(
        "user", "accepted_at", "model", "resolution", "duration"
    ):
        in_flight[user_id] += 1
        usual = expected.get((model, resolution, duration))
        elapsed = (now - accepted_at).total_seconds() if accepted_at else 0.0
        left.append(_still_needed(usual, elapsed) if usual else None)
    known = [one for one in left if one is not None]
    counted = queued.values_list("user", "priority").annotate(count=Count("pk"))
    return KeyQueue(
        queued={(user, priority): count for user, priority, count in counted},
        in_flight=in_flight,
        remaining=sorted(known) if len(known) == len(left) else None,
    )


def _still_needed(usual: Expectation, elapsed: float) -> float:
    return max(0.0, usual.p50 - elapsed) if elapsed <= usual.latest else math.inf


def _with_older(generations: Sequence[Generation]) -> list[tuple[Generation, int]]:
    """Return each generation with how many of its person and priority are older."""
    ids = [generation.pk for generation in generations]
    older = dict(
        Generation.objects.filter(pk__in=ids)
        .order_by()
        .annotate(older=Coalesce(Subquery(_older_ones()), 0))
        .values_list("pk", "older")
    )
    return [(generation, older.get(generation.pk, 0)) for generation in generations]


def _older_ones() -> QuerySet[Generation, Any]:
    older = Generation.objects.filter(
        Q(created_at__lt=OuterRef("created_at"))
        | Q(created_at=OuterRef("created_at"), id__lt=OuterRef("id")),
        state=State.QUEUED,
        provider_key=OuterRef("provider_key"),
        team=OuterRef("team"),
        user=OuterRef("user"),
        priority=OuterRef("priority"),
    )
    return older.order_by().values("priority").annotate(count=Count("pk")).values("count")


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else _ENDINGS.get(number % 10, "th")
    return f"{number:,}{ending}"


def _about(seconds: float) -> str:
    """Say a forecast no more exactly than it is known."""
    if seconds < SOON_SECONDS:
        return "in a moment"
    for size, step, word in _UNITS:
        count = math.ceil(seconds / size / step) * step
        if count < 60 or word == "hours":
            break
    # A number and its unit stay on one line.
    return f"in about {count:,}\N{NO-BREAK SPACE}{word}"
