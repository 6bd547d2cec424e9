"""How long a film usually takes, from our own history (P38): to be shown, never decided by."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.cache import cache

from accounts.models import Team
from generations.lifecycle import State
from generations.models import Generation

NEWEST = 500  # films that the history looks back on
FEWEST = 3  # films of one kind below which nothing is said
CACHE_SECONDS = 30

Kind = tuple[str, str, int]  # model, resolution, seconds


@dataclass(frozen=True, slots=True)
class Expectation:
    """Half of the `count` films of a kind took up to `p50` seconds, nine in ten up to `p90`."""

    p50: float
    p90: float
    count: int


def kind_of(generation: Generation) -> Kind:
    """Return what a generation's render time is compared by."""
    return generation.model, generation.resolution, generation.duration


def expectations_of(team: Team) -> dict[Kind, Expectation]:
    """Return the team's expectations by kind: from the vendor's acceptance to its completion.

    The pages that poll ask often, so the answer is up to `CACHE_SECONDS` old.
    """
    key = f"expectations:{team.pk}"
    known: dict[Kind, Expectation] | None = cache.get(key)
    if known is None:
        known = _measured(team)
        cache.set(key, known, CACHE_SECONDS)
    return known


def _measured(team: Team) -> dict[Kind, Expectation]:
    rows = Generation.objects.filter(
        team=team, state=State.COMPLETED, accepted_at__isnull=False
    ).order_by("-created_at", "-id")
    seconds: dict[Kind, list[float]] = defaultdict(list)
    for model, resolution, duration, accepted_at, ended_at in rows.values_list(
        "model", "resolution", "duration", "accepted_at", "ended_at"
    )[:NEWEST]:
        if accepted_at and ended_at:
            seconds[model, resolution, duration].append((ended_at - accepted_at).total_seconds())
    return {
        kind: Expectation(_percentile(times, 0.5), _percentile(times, 0.9), len(times))
        for kind, times in seconds.items()
        if len(times) >= FEWEST
    }


def _percentile(times: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile: a time that was really measured."""
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)]
