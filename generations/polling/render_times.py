"""How long films take, learnt from our own history.

A team's own history is shown to people (P38); the whole site's decides when the sweep looks again.
It decides nothing else: a film that takes longer is looked at less often, and never given up.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import QuerySet

from accounts.models import Team
from generations.lifecycle import State
from generations.models import Generation

NEWEST = 500  # films that a team's history looks back on
SITE_NEWEST = 2000  # films that the site's history looks back on
FEWEST = 3  # films of one kind below which nothing is said
FEWEST_TO_LEARN = 10  # and below which the sweep does not go by them
CACHE_SECONDS = 30

# The sweep interval: around its expected end a generation is looked at this often, in seconds. It
# is a fixed part of the time in which films of its kind end, within these bounds.
INTERVALS_TO_THE_END = 16
SHORTEST_INTERVAL = 1.0
LONGEST_INTERVAL = 8.0
LONGEST_WAIT = 60.0

FilmKind = tuple[str, str, int]  # model, resolution, seconds


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the `count` newest films of a kind took, in seconds: half of them up to `p50`, nine in
    ten up to `p90`, and nine in ten between `p5` and `p95`.
    """

    p5: float
    p50: float
    p90: float
    p95: float
    count: int

    @property
    def earliest(self) -> float:
        """Return when the end is expected at the soonest; a vendor may have become quicker."""
        return self.p5 * 0.9

    @property
    def latest(self) -> float:
        """Return until when the end is expected."""
        return self.p95 * 1.1

    @property
    def interval(self) -> float:
        """Return the seconds between two looks while the end is expected."""
        even = (self.latest - self.earliest) / INTERVALS_TO_THE_END
        return min(LONGEST_INTERVAL, max(SHORTEST_INTERVAL, even))


def film_kind_of(generation: Generation) -> FilmKind:
    """Return what a generation's render time is compared by."""
    return generation.model, generation.resolution, generation.duration


def expectations_of(team: Team) -> dict[FilmKind, Expectation]:
    """Return the team's expectations by kind: from the vendor's acceptance to its completion.

    The pages that poll ask often, so the answer is up to `CACHE_SECONDS` old.
    """
    return _remembered(
        f"expectations:{team.pk}",
        Generation.objects.filter(team=team).order_by("-created_at", "-id"),
        newest=NEWEST,
    )


def expectations_of_site() -> dict[FilmKind, Expectation]:
    """Return what to expect of each kind on the whole site; up to `CACHE_SECONDS` old."""
    return _remembered(
        "expectations:site", Generation.objects.order_by("-ended_at"), newest=SITE_NEWEST
    )


def seconds_to_next_look(waited: float, expected: Expectation | None) -> float:
    """Return when to look again at a generation that the vendor works on for `waited` seconds.

    Sparse until the end is expected, dense while it is, then ever more rarely, up to
    `LONGEST_WAIT`. Without enough history: a tenth of the time waited, from 1 to 30 seconds.
    """
    if expected is None or expected.count < FEWEST_TO_LEARN:
        return min(30.0, max(1.0, waited / 10))
    interval = expected.interval
    until_earliest = expected.earliest - waited
    if until_earliest > interval:
        # Not in one leap: some fail at once, and a vendor that became much quicker shows.
        return min(until_earliest, max(interval, expected.earliest / 3))
    if waited <= expected.latest:
        return interval
    return min(LONGEST_WAIT, interval + (waited - expected.latest) / 4)


def expectation_from(seconds: Sequence[float]) -> Expectation | None:
    """Sum up what films of one kind took; None for too few."""
    if len(seconds) < FEWEST:
        return None
    ranked = sorted(seconds)
    p5, p50, p90, p95 = (_percentile(ranked, share) for share in (0.05, 0.5, 0.9, 0.95))
    return Expectation(p5=p5, p50=p50, p90=p90, p95=p95, count=len(ranked))


def _remembered(
    key: str, generations: QuerySet[Generation], *, newest: int
) -> dict[FilmKind, Expectation]:
    known: dict[FilmKind, Expectation] | None = cache.get(key)
    if known is None:
        known = _measured(generations, newest=newest)
        cache.set(key, known, CACHE_SECONDS)
    return known


def _measured(generations: QuerySet[Generation], *, newest: int) -> dict[FilmKind, Expectation]:
    completed = generations.filter(state=State.COMPLETED, accepted_at__isnull=False)
    seconds: dict[FilmKind, list[float]] = defaultdict(list)
    for model, resolution, duration, accepted_at, ended_at in completed.values_list(
        "model", "resolution", "duration", "accepted_at", "ended_at"
    )[:newest]:
        if accepted_at and ended_at:
            seconds[model, resolution, duration].append((ended_at - accepted_at).total_seconds())
    summed = {kind: expectation_from(times) for kind, times in seconds.items()}
    return {kind: expected for kind, expected in summed.items() if expected is not None}


def _percentile(ranked: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile: a time that was really measured."""
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]
