"""Reads of the studio's lists: what is in progress, and what came of the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Q, QuerySet, Value, When

from accounts.models import Membership, Team
from generations.dispatch import positions_of
from generations.lifecycle import TERMINAL, WAITING, State
from generations.models import Film, Generation
from generations.polling import expectations_of
from generations.portal.pending_cancel import name_cancel_requesters
from generations.portal.shown_generation import (
    ShownGeneration,
    show_generation,
    shown_generation_of,
)
from generations.selectors import generation_for, generations_of

PAGE = 24
FEW_ROWS = 6  # of what is in progress, so that films are never far down
MORE_ROWS = 200
_MOST_MISSED = 50

_OPEN = sorted(set(State.values) - set(TERMINAL))
_BEING_KEPT = Q(state=State.COMPLETED, film__state=Film.State.PENDING)


@dataclass(frozen=True, slots=True)
class ActiveList:
    """The first `rows` of the generations that will still change: the member's own, then others'.

    `total` counts all of them, `own` and `own_waiting` the member's own, and of those the ones that
    were not sent yet.
    """

    rows: list[ShownGeneration]
    total: int
    own: int
    own_waiting: int

    @property
    def more(self) -> int:
        """Return how many rows to show next; 0 when all are shown."""
        shown = len(self.rows)
        if shown >= self.total:
            return 0
        return min(self.total, shown - shown % MORE_ROWS + MORE_ROWS)

    @property
    def fewer(self) -> int:
        """Return how many rows to go back to; 0 when there are no more than those."""
        return FEW_ROWS if len(self.rows) > FEW_ROWS else 0


def rows_asked(asked: Mapping[str, str]) -> int:
    """Return how many rows of what is in progress a page's address asks for; few by default."""
    text = asked.get("rows", "")
    return (
        max(FEW_ROWS, int(text))
        if text.isascii() and text.isdigit() and len(text) < 7
        else FEW_ROWS
    )


def active_generations(membership: Membership, *, rows: int, now: datetime) -> ActiveList:
    """Return the team's generations that will still change: own ones first, then newest first."""
    team, is_own = membership.team, Q(user=membership.user_id)
    active = _active(team)
    counts = active.aggregate(
        total=Count("pk"),
        own=Count("pk", filter=is_own),
        own_waiting=Count("pk", filter=is_own & Q(state__in=sorted(WAITING))),
    )
    listed = active.select_related("film", "user", "provider_key", "hold", "project", "approval")
    own_first = Case(When(is_own, then=Value(0)), default=Value(1))
    shown = list(listed.order_by(own_first, "-created_at", "-id")[:rows]) if counts["total"] else []
    expectations = expectations_of(team) if shown else {}
    name_cancel_requesters(shown)
    positions = positions_of(shown, now=now)
    return ActiveList(
        [show_generation(row, expectations, now, positions.get(row.pk)) for row in shown], **counts
    )


def past_generations(
    team: Team, *, before: str = "", now: datetime
) -> tuple[list[ShownGeneration], str]:
    """Return a page of ended generations, newest first, and the id to go on before, if any."""
    rows = _ended(team)
    if before:
        last = generation_for(team, before)
        rows = rows.filter(
            Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.id)
        )
    page = list(rows[: PAGE + 1])
    generations = [shown_generation_of(row, now=now) for row in page[:PAGE]]
    return generations, str(page[PAGE - 1].id) if len(page) > PAGE else ""


def ended_among(team: Team, ids: list[str], *, now: datetime) -> list[ShownGeneration]:
    """Return those of the generations `ids` that have ended since a page last looked."""
    known = []
    for text in ids[:_MOST_MISSED]:
        try:
            known.append(UUID(text))
        except ValueError:
            continue
    rows = _ended(team).filter(pk__in=known) if known else []
    return [shown_generation_of(row, now=now) for row in rows]


def _active(team: Team) -> QuerySet[Generation]:
    # Two indexes, one for each half; an OR over both tables would use neither.
    open_ones = Generation.objects.filter(team=team, state__in=_OPEN).order_by()
    kept = Film.objects.filter(state=Film.State.PENDING, generation__team=team)
    being_kept = kept.filter(generation__state=State.COMPLETED).order_by()
    ids: Any = open_ones.values("pk").union(being_kept.values("pk"))
    return Generation.objects.filter(pk__in=ids)


def _ended(team: Team) -> QuerySet[Generation]:
    rows = generations_of(team).filter(state__in=sorted(TERMINAL)).exclude(_BEING_KEPT)
    return rows.select_related("hold", "film__stored")
