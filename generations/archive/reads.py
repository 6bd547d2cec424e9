"""Reads of a team's archive: what is lost, what is late, and how long the rest stays."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from accounts.models import Team
from generations.models import Film, RetentionRule

# A rule takes nothing in its first days: whoever is surprised by it has time to save films.
FILM_GRACE = timedelta(days=3)
_FAILURES_THAT_WORRY = 3


def retention_of(team: Team) -> RetentionRule | None:
    """Return the team's rule; None keeps films forever."""
    return RetentionRule.objects.filter(team=team).first()


def kept_until(film: Film, rule: RetentionRule | None) -> datetime | None:
    """Return when a kept film will be removed; None for never. Reads its generation."""
    if rule is None or film.kept_at is None or film.state != Film.State.KEPT:
        return None
    if rule.keep_favourites and film.generation.favourite:
        return None
    return max(film.kept_at + timedelta(days=rule.days), rule.set_at + FILM_GRACE)


def outliving_films(rule: RetentionRule, *, by: datetime) -> QuerySet[Film]:
    """Return the kept films whose time under the rule is over at `by`, the oldest first."""
    latest = by - timedelta(days=rule.days)
    films = Film.objects.filter(
        # A film is kept after it was submitted: this half finds the team's by its index.
        generation__team_id=rule.team_id,
        generation__created_at__lte=latest,
        kept_at__lte=latest,
        state=Film.State.KEPT,
    )
    if by < rule.set_at + FILM_GRACE:
        return films.none()
    if rule.keep_favourites:
        films = films.filter(generation__favourite=False)
    return films.select_related("generation").order_by("kept_at")


def lost_films(team: Team) -> QuerySet[Film]:
    """Return the team's films that were given up, the latest loss first."""
    films = Film.objects.filter(state=Film.State.GIVEN_UP, generation__team=team)
    return films.select_related("generation__user", "generation__provider_key").order_by(
        "-lost_at", "-pk"
    )


def late_films(team: Team) -> QuerySet[Film]:
    """Return the team's films that are hard to keep, by the end of their links' lives."""
    films = troubled_films().filter(generation__team=team)
    return films.select_related("generation__user").order_by("link_expires_at", "pk")


def troubled_films() -> QuerySet[Film]:
    """Return everybody's films that are not kept yet and did not go well so far."""
    trouble = (
        Q(alarms__gt=0)
        | Q(lost_at__isnull=False)
        | Q(failures__gte=_FAILURES_THAT_WORRY)
        | ~Q(problem="")
    )
    return Film.objects.filter(trouble, state=Film.State.PENDING)


def may_be_tried_again(film: Film) -> bool:
    """Return whether the key that could ask the vendor for a lost film's link is still there."""
    return film.state == Film.State.GIVEN_UP and bool(film.generation.provider_key.secret_token)
