"""Who a proposed rate would touch: what they made recently, what it cost, what it would cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, QuerySet, Sum

from generations.lifecycle import State
from generations.models import Generation

LOOK_BACK = timedelta(days=30)
MOST_WAITING = 200


@dataclass(frozen=True, slots=True)
class Share:
    """What one team, member or project made, in films and seconds; its cost then and now."""

    id: int | None
    name: str
    team: str
    films: int = 0
    seconds: int = 0
    credits_then: int = 0
    credits_new: int = 0

    @property
    def difference(self) -> int:
        """Return the credits that the new rate would have added, or saved (below 0)."""
        return self.credits_new - self.credits_then


@dataclass(frozen=True, slots=True)
class Waiting:
    """A generation that is not sent yet, and keeps the price it was admitted under (P18)."""

    id: UUID
    team: str
    state: State
    seconds: int
    credits: int
    credits_new: int


@dataclass(frozen=True, slots=True)
class PricePreview:
    """Who is touched by a rate, the most credits first, since a moment; and who is not, yet.

    `waiting` holds the oldest `MOST_WAITING` of `waiting_count` generations.
    """

    since: datetime
    total: Share
    teams: tuple[Share, ...]
    members: tuple[Share, ...]
    projects: tuple[Share, ...]
    waiting: tuple[Waiting, ...]
    waiting_count: int


def preview_rate(
    *, model: str, resolution: str, audio: bool, credits_per_second: int, now: datetime
) -> PricePreview:
    """Return whom `credits_per_second` would touch, by the last 30 days: three queries.

    Counted is what was admitted since and was paid for; `projects` holds only work in projects.
    """
    alike = Generation.objects.filter(model=model, resolution=resolution, generate_audio=audio)
    since = now - LOOK_BACK
    rows = _paid_for(alike.filter(created_at__gte=since, created_at__lte=now))
    waiting = alike.filter(state__in=[State.AWAITING_APPROVAL, State.QUEUED])
    generations = waiting.select_related("team").order_by("created_at", "id")[:MOST_WAITING]
    totals = _shares(rows, credits_per_second, lambda row: (None, "", ""))
    return PricePreview(
        since=since,
        total=totals[0] if totals else Share(None, "", ""),
        teams=_shares(
            rows,
            credits_per_second,
            lambda row: (row["team"], row["team__name"], row["team__name"]),
        ),
        members=_shares(
            rows,
            credits_per_second,
            lambda row: (row["user"], row["user__name"] or row["user__email"], row["team__name"]),
        ),
        projects=_shares(
            [row for row in rows if row["project"] is not None],
            credits_per_second,
            lambda row: (row["project"], row["project__name"], row["team__name"]),
        ),
        waiting=tuple(_waiting(generation, credits_per_second) for generation in generations),
        waiting_count=waiting.count(),
    )


def _paid_for(generations: QuerySet[Generation]) -> list[dict[str, Any]]:
    """Return seconds and credits of what was paid for, by team, member and project."""
    paid = generations.filter(hold__adjusted__gt=-F("hold__settled"))
    who = ("team", "team__name", "user", "user__name", "user__email", "project", "project__name")
    return list(
        paid.order_by()
        .values(*who)
        .annotate(
            films=Count("pk"),
            seconds=Sum("duration"),
            spent=Sum(F("hold__settled") + F("hold__adjusted")),
        )
    )


def _shares(
    rows: list[dict[str, Any]],
    credits_per_second: int,
    owner: Callable[[dict[str, Any]], tuple[int | None, str, str]],
) -> tuple[Share, ...]:
    """Add the rows up by `owner` (id, name, team's name), the largest difference first."""
    shares: dict[tuple[int | None, str, str], Share] = {}
    for row in rows:
        name = owner(row)
        so_far = shares.get(name, Share(*name))
        shares[name] = replace(
            so_far,
            films=so_far.films + row["films"],
            seconds=so_far.seconds + row["seconds"],
            credits_then=so_far.credits_then + row["spent"],
            credits_new=so_far.credits_new + row["seconds"] * credits_per_second,
        )
    return tuple(sorted(shares.values(), key=lambda one: (-abs(one.difference), one.name)))


def _waiting(generation: Generation, credits_per_second: int) -> Waiting:
    return Waiting(
        id=generation.pk,
        team=generation.team.name,
        state=State(generation.state),
        seconds=generation.duration,
        credits=generation.credits,
        credits_new=generation.duration * credits_per_second,
    )
