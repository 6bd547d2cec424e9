"""Reads of the studio's lists: what is under way, and what came of the rest."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

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
MOST_ACTIVE = 50

_OPEN = Q(state__in=sorted(set(State.values) - set(TERMINAL)))
_BEING_KEPT = Q(state=State.COMPLETED, film__state=Film.State.PENDING)


def active_generations(team: Team, *, now: datetime) -> list[ShownGeneration]:
    """Return the team's generations that will still change, newest first."""
    rows = generations_of(team).filter(_OPEN | _BEING_KEPT).select_related("provider_key", "hold")
    expectations, shown = expectations_of(team), list(rows[:MOST_ACTIVE])
    name_cancel_requesters(shown)
    positions = positions_of(shown, now=now)
    return [show_generation(row, expectations, now, positions.get(row.pk)) for row in shown]


def own_waiting_count(membership: Membership) -> int:
    """Return how many of the member's own generations in the team were not sent yet."""
    own = Generation.objects.filter(team=membership.team, user=membership.user)
    return own.filter(state__in=WAITING).count()


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
    for text in ids[:MOST_ACTIVE]:
        try:
            known.append(UUID(text))
        except ValueError:
            continue
    return (
        [shown_generation_of(row, now=now) for row in _ended(team).filter(pk__in=known)]
        if known
        else []
    )


def _ended(team: Team) -> QuerySet[Generation]:
    rows = generations_of(team).filter(state__in=sorted(TERMINAL)).exclude(_BEING_KEPT)
    return rows.select_related("hold", "film__stored")
