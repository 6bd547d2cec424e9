"""Reads about generations, filtered by what the asker may see."""

import string
from copy import copy
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet, UUIDField

from accounts.authority import By
from accounts.models import Membership, Team, User
from accounts.roles import Permission
from billing.models import Transfer
from generations.catalog import model_named
from generations.errors import NoProviderKey, TaskNotFound
from generations.lifecycle import EventKind
from generations.models import (
    Approval,
    Film,
    Generation,
    GenerationEvent,
    ProviderKey,
    Upload,
)
from platform_site.db.catalogue import Catalogue, catalogue
from platform_site.db.columns import Columns
from platform_site.errors import PermissionDenied

# Blanks, quotes, brackets and the ends of sentences, which come along when an id is copied.
_AROUND_AN_ID = f"{string.whitespace}\"'`<>()[].,;:!?/\\\u00a0\u200b\ufeff\u201c\u201d"

_GENERATION, _USER = Columns(Generation, "generation"), Columns(User, "person")
_FILM = Columns(Film, "film")
_UUIDS = UUIDField()
_FIND = f"""
SELECT {_GENERATION.text}, {_USER.text}, {_FILM.text}
FROM generations_generation AS generation
JOIN accounts_user AS person ON person.id = generation.user_id
LEFT JOIN generations_film AS film ON film.generation_id = generation.id
WHERE generation.id = %s AND generation.team_id = %s
"""  # noqa: S608  # nothing but the models' own columns


def generations_of(team: Team) -> QuerySet[Generation]:
    """Return the team's generations with their films, newest first."""
    return Generation.objects.filter(team=team).select_related("film", "user")


def generation_for(team: Team, generation_id: str | UUID) -> Generation:
    """Return one generation of the team; what else surrounds an id in text is overlooked.

    Raises `TaskNotFound` alike for a malformed id, an unknown one and a stranger's (P32).
    """
    try:
        known = UUID(str(generation_id).strip(_AROUND_AN_ID))
    except ValueError:
        raise TaskNotFound from None
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [_UUIDS.get_db_prep_value(known, connection), team.pk])
        row = cursor.fetchone()
    if row is None:
        raise TaskNotFound
    generation = _GENERATION.read(row)
    generation.team, generation.user = team, _USER.read(row, start=_GENERATION.count)
    film = _FILM.read_joined(row, start=_GENERATION.count + _USER.count)
    if film is None:
        # As the ORM remembers it: nobody asks again.
        Generation.film.related.set_cached_value(generation, None)
    else:
        film.generation = generation
    return generation


def events_of(generation: Generation) -> list[GenerationEvent]:
    """Return what happened to a generation, oldest first.

    The first is its admission, which the ledger's opening entry tells: no row repeats that.
    """
    opening = Transfer.objects.get(hold=generation.hold_id, kind=Transfer.Kind.HOLD)
    admitted = GenerationEvent(
        generation=generation,
        at=generation.created_at,
        kind=EventKind.ADMITTED,
        message=f"{generation.credits} credits held.",
        actor=opening.actor,
        request_id=opening.request_id,
    )
    return [admitted, *generation.events.order_by("id")]


def provider_key_for(
    team: Team, user: User, *, model: str, known: Catalogue | None = None
) -> ProviderKey:
    """Return the key of a model's vendor to send with: the person's own, else the team's shared
    one, as the catalogue `known` says, or the present one.

    A paused key still counts: its generations wait for it (P36). Raises `NoProviderKey`.
    """
    known = known or catalogue()
    video_model = model_named(model, known)
    keys = [
        one
        for one in known.recall(("provider_keys", team.pk), lambda: _usable_keys(team))
        if video_model is not None and one.vendor == video_model.vendor
    ]
    own = next((one for one in keys if one.owner_id == user.pk), None)
    key = own or next((one for one in keys if one.is_shared), None)
    if key is None:
        raise NoProviderKey
    return copy(key)


def _usable_keys(team: Team) -> list[ProviderKey]:
    rows = ProviderKey.objects.filter(team=team).exclude(state=ProviderKey.State.SEALED)
    return list(rows.order_by("pk"))


def provider_keys_for(membership: Membership) -> QuerySet[ProviderKey]:
    """Return the keys that a member sees: their own and the team's shared one."""
    keys = ProviderKey.objects.filter(team=membership.team).exclude(state=ProviderKey.State.SEALED)
    return keys.filter(owner=membership.user) | keys.filter(owner=None)


def permission_over(key: ProviderKey) -> Permission:
    """Return what a member who manages this key must be allowed to do."""
    return Permission.TEAM_KEYS if key.is_shared else Permission.OWN_KEYS


def require_provider_key(by: By, key: ProviderKey) -> None:
    """Raise `PermissionDenied` unless the actor manages this key: their own, or the team's."""
    is_theirs = key.is_shared or by.acts_everywhere or by.is_person(key.owner_id)
    if not is_theirs:
        raise PermissionDenied("This provider key belongs to someone else.")
    by.require(permission_over(key), team_id=key.team_id)


def waiting_approval_count(team: Team) -> int:
    """Return how many of the team's generations wait for a decision."""
    return Approval.objects.filter(generation__team=team, decision=Approval.Decision.OPEN).count()


def film_by_token(token: str) -> Film | None:
    """Return the film behind an unguessable link, kept or, later, removed."""
    linked = Film.objects.filter(token=token, state__in=[Film.State.KEPT, Film.State.REMOVED])
    return linked.select_related("generation", "stored").first()


def live_upload(token: str, *, now: datetime) -> Upload | None:
    """Return the upload behind an unguessable link, while it lives."""
    return Upload.objects.live(now).filter(token=token).first()
