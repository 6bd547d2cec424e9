"""Reads of the studio's lists: what is under way, and what came of the rest."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import Membership, Team
from generations.dispatch.queue_position import QueuePosition, positions_of
from generations.lifecycle import TERMINAL, WAITING, State
from generations.models import Film, Generation
from generations.polling.render_times import Expectation, Kind, expectations_of, kind_of
from generations.portal.films.pending_cancel import name_cancel_requesters
from generations.portal.words import Status, status_of
from generations.selectors import generation_for, generations_of

PAGE = 24
MOST_ACTIVE = 50

_OPEN = Q(state__in=sorted(set(State.values) - set(TERMINAL)))
_BEING_KEPT = Q(state=State.COMPLETED, film__state=Film.State.PENDING)
# Those that may go on like this for hours need no page that asks every two seconds.
_SLOW = frozenset({State.NEEDS_REVIEW, State.AWAITING_APPROVAL})


@dataclass(frozen=True, slots=True)
class Clock:
    """Elapsed against p50 and p90, in seconds, and where each lies on a line of 1000 (P38)."""

    elapsed: int
    expectation: Expectation | None

    @property
    def _full(self) -> float:
        p90 = self.expectation.p90 if self.expectation else 0
        return max(p90 * 1.35, self.elapsed, 1)

    @property
    def elapsed_at(self) -> int:
        """Return where now lies."""
        return round(1000 * self.elapsed / self._full)

    @property
    def p50_at(self) -> int:
        """Return where half of the films were done."""
        return round(1000 * self.expectation.p50 / self._full) if self.expectation else 0

    @property
    def p90_at(self) -> int:
        """Return where nine in ten films were done."""
        return round(1000 * self.expectation.p90 / self._full) if self.expectation else 0

    @property
    def usual_width(self) -> int:
        """Return how far it is from `p50_at` to `p90_at`; a sliver at least."""
        return max(6, self.p90_at - self.p50_at)

    @property
    def is_late(self) -> bool:
        """Return whether it takes longer than nine in ten."""
        return self.expectation is not None and self.elapsed > self.expectation.p90


@dataclass(frozen=True, slots=True)
class ActiveGeneration:
    """One generation as the lists show it."""

    generation: Generation
    status: Status
    clock: Clock | None = None

    @property
    def film(self) -> Film | None:
        """Return its kept film."""
        film: Film | None = getattr(self.generation, "film", None)
        return film if film is not None and film.state == Film.State.KEPT else None

    @property
    def is_slow(self) -> bool:
        """Return whether it may stay like this for long."""
        return self.generation.state in _SLOW


def active_generations(team: Team, *, now: datetime) -> list[ActiveGeneration]:
    """Return the team's generations that will still change, newest first."""
    rows = generations_of(team).filter(_OPEN | _BEING_KEPT).select_related("provider_key", "hold")
    expectations, shown = expectations_of(team), list(rows[:MOST_ACTIVE])
    name_cancel_requesters(shown)
    places = positions_of(shown, now=now)
    return [_active(row, expectations, now, places.get(row.pk)) for row in shown]


def own_waiting_count(membership: Membership) -> int:
    """Return how many of the member's own generations in the team were not sent yet."""
    own = Generation.objects.filter(team=membership.team, user=membership.user)
    return own.filter(state__in=WAITING).count()


def active_generation_of(generation: Generation, *, now: datetime) -> ActiveGeneration:
    """Return a generation with its words and, while the vendor renders, its clock."""
    is_rendering = generation.state == State.PROCESSING
    expectations = expectations_of(generation.team) if is_rendering else {}
    return _active(
        generation, expectations, now, positions_of([generation], now=now).get(generation.pk)
    )


def past_generations(
    team: Team, *, before: str = "", now: datetime
) -> tuple[list[ActiveGeneration], str]:
    """Return a page of ended generations, newest first, and the id to go on before, if any."""
    rows = _ended(team)
    if before:
        last = generation_for(team, before)
        rows = rows.filter(
            Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.id)
        )
    page = list(rows[: PAGE + 1])
    generations = [active_generation_of(row, now=now) for row in page[:PAGE]]
    return generations, str(page[PAGE - 1].id) if len(page) > PAGE else ""


def ended_among(team: Team, ids: list[str], *, now: datetime) -> list[ActiveGeneration]:
    """Return those of the generations `ids` that have ended since a page last looked."""
    known = []
    for text in ids[:MOST_ACTIVE]:
        try:
            known.append(UUID(text))
        except ValueError:
            continue
    return (
        [active_generation_of(row, now=now) for row in _ended(team).filter(pk__in=known)]
        if known
        else []
    )


def _active(
    generation: Generation,
    expectations: dict[Kind, Expectation],
    now: datetime,
    place: QueuePosition | None = None,
) -> ActiveGeneration:
    clock = None
    if generation.state == State.PROCESSING and generation.accepted_at:
        elapsed = max(0, int((now - generation.accepted_at).total_seconds()))
        clock = Clock(elapsed, expectations.get(kind_of(generation)))
    return ActiveGeneration(generation, status_of(generation, place), clock)


def _ended(team: Team) -> QuerySet[Generation]:
    rows = generations_of(team).filter(state__in=sorted(TERMINAL)).exclude(_BEING_KEPT)
    return rows.select_related("hold")
