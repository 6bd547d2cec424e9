"""A generation as lists and its own page show it: its status in words, and its clock."""

import math
from dataclasses import dataclass
from datetime import datetime

from generations.dispatch import QueuePosition, positions_of
from generations.lifecycle import State
from generations.models import Film, Generation
from generations.polling import Expectation, FilmKind, expectations_of, film_kind_of
from generations.portal.what_next import what_next_of
from generations.portal.words import Status, status_of


@dataclass(frozen=True, slots=True)
class Clock:
    """Elapsed against p50 and p90, in seconds, and where each lies on a line of 1000 (P38)."""

    since: int  # unix seconds, from which a page counts on
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
    def late_at(self) -> int:
        """Return from when on it takes longer than nine in ten: unix seconds."""
        return self.since + math.floor(self.expectation.p90) + 1 if self.expectation else 0

    @property
    def is_late(self) -> bool:
        """Return whether it takes longer than nine in ten."""
        return self.expectation is not None and self.elapsed > self.expectation.p90


@dataclass(frozen=True, slots=True)
class ShownGeneration:
    """One generation with what is said of it; `clock` while the vendor renders it."""

    generation: Generation
    status: Status
    clock: Clock | None = None

    @property
    def film(self) -> Film | None:
        """Return its kept film."""
        film: Film | None = getattr(self.generation, "film", None)
        return film if film is not None and film.state == Film.State.KEPT else None

    @property
    def since(self) -> int:
        """Return when it ended or its film was kept, else when it was created: unix seconds."""
        film, generation = self.film, self.generation
        kept_at = film.kept_at if film is not None else None
        return int((kept_at or generation.ended_at or generation.created_at).timestamp())

    @property
    def what_next(self) -> str:
        """Say what happens to one that may take long, and when; "" for others."""
        return what_next_of(self.generation)


def shown_generation_of(generation: Generation, *, now: datetime) -> ShownGeneration:
    """Return a generation with its words and, while the vendor renders, its clock."""
    is_rendering = generation.state == State.PROCESSING
    expectations = expectations_of(generation.team) if is_rendering else {}
    return show_generation(
        generation, expectations, now, positions_of([generation], now=now).get(generation.pk)
    )


def show_generation(
    generation: Generation,
    expectations: dict[FilmKind, Expectation],
    now: datetime,
    position: QueuePosition | None = None,
) -> ShownGeneration:
    """Return a generation with its words and clock, from what a list has looked up at once."""
    clock = None
    if generation.state == State.PROCESSING and generation.accepted_at:
        elapsed = max(0, int((now - generation.accepted_at).total_seconds()))
        since = int(generation.accepted_at.timestamp())
        clock = Clock(since, elapsed, expectations.get(film_kind_of(generation)))
    return ShownGeneration(generation, status_of(generation, position), clock)
