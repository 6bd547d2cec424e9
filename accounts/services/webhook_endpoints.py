"""Add, switch and remove a team's webhook endpoints, and put events into their outbox."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.actor import Actor
from accounts.models import Membership, Team, WebhookDelivery, WebhookEndpoint, WebhookEvent
from accounts.roles import Permission
from accounts.selectors import require
from accounts.services.audit import record
from accounts.services.webhooks import webhook_secret
from platform_site.addresses import literal_address_problem
from platform_site.errors import Conflict, InvalidRequest

MAX_ENDPOINTS = 10


def add_endpoint(
    *, membership: Membership, url: str, events: Iterable[str], actor: Actor
) -> WebhookEndpoint:
    """Have the team's `events` posted to `url`, signed with the team's webhook secret.

    Raises `PermissionDenied`, `InvalidRequest` for a URL that is not public (`OUTBOUND_ALLOW`
    exempts) or an unknown event, and `Conflict` for a second time or one too many.
    """
    require(membership, Permission.TEAM_KEYS)
    team = membership.team
    problem = literal_address_problem(url, allow=frozenset(settings.OUTBOUND_ALLOW))
    if problem:
        raise InvalidRequest(f"The URL must be a public HTTP(S) URL ({problem})", field="url")
    chosen = _known_events(events)
    if WebhookEndpoint.objects.filter(team=team).count() >= MAX_ENDPOINTS:
        raise Conflict(f"A team has at most {MAX_ENDPOINTS} endpoints.", field="url")
    try:
        with transaction.atomic():
            endpoint = WebhookEndpoint.objects.create(team=team, url=url, events=chosen)
            _record(endpoint, "added", actor, events=chosen)
    except IntegrityError:
        raise Conflict("There is an endpoint with this URL already.", field="url") from None
    return endpoint


@transaction.atomic
def set_endpoint_enabled(
    endpoint: WebhookEndpoint, *, membership: Membership, enabled: bool, actor: Actor
) -> None:
    """Switch an endpoint on or off; what waits for one that goes off is given up.

    Raises `PermissionDenied`, alike for another team's endpoint.
    """
    _require_manager(endpoint, membership)
    switch_endpoint(endpoint, enabled=enabled, actor=actor)


@transaction.atomic
def switch_endpoint(endpoint: WebhookEndpoint, *, enabled: bool, actor: Actor) -> None:
    """Do what `set_endpoint_enabled` does, for somebody of whom the caller knows that they may."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(enabled=enabled)
    endpoint.enabled = enabled
    if not enabled:
        _give_up_pending(endpoint)
    _record(endpoint, "enabled" if enabled else "disabled", actor)


@transaction.atomic
def remove_endpoint(endpoint: WebhookEndpoint, *, membership: Membership, actor: Actor) -> None:
    """Take an endpoint away; its deliveries stay as history. Raises `PermissionDenied`."""
    _require_manager(endpoint, membership)
    drop_endpoint(endpoint, actor=actor)


@transaction.atomic
def drop_endpoint(endpoint: WebhookEndpoint, *, actor: Actor) -> None:
    """Do what `remove_endpoint` does, for somebody of whom the caller knows that they may."""
    _give_up_pending(endpoint)
    _record(endpoint, "removed", actor)
    endpoint.delete()


def reveal_secret(*, membership: Membership, actor: Actor) -> str:
    """Return the secret that the team's webhooks are signed with, and record who saw it.

    Raises `PermissionDenied`.
    """
    require(membership, Permission.TEAM_KEYS)
    secret = webhook_secret(membership.team)
    subject = f"team:{membership.team_id}"
    record(actor=actor, action="webhook_secret.shown", team=membership.team, subject=subject)
    return secret


def put_event(
    *, team: Team, event: WebhookEvent, reference: str, data: dict[str, Any], now: datetime
) -> list[WebhookDelivery]:
    """Put an event into the outbox of each endpoint that wants it, in the caller's transaction.

    `reference` names what happened, and together with the event says it once an endpoint.
    Returns the new deliveries, which the caller enqueues.
    """
    body = json.dumps(
        {"type": event, "created_at": int(now.timestamp()), "team": team.slug, "data": data}
    )
    endpoints = WebhookEndpoint.objects.filter(team=team, enabled=True)
    new = []
    for endpoint in endpoints:
        if event not in endpoint.events:
            continue
        delivery, created = WebhookDelivery.objects.get_or_create(
            reference=reference,
            event=event,
            url=endpoint.url,
            defaults={"team": team, "endpoint": endpoint, "body": body, "next_attempt_at": now},
        )
        if created:
            new.append(delivery)
    return new


def _known_events(events: Iterable[str]) -> list[str]:
    chosen = sorted(set(events))
    unknown = [event for event in chosen if event not in WebhookEvent.values]
    if unknown or not chosen:
        names = ", ".join(WebhookEvent.values)
        raise InvalidRequest(f"The events are some of {names}.", field="events")
    return chosen


def _require_manager(endpoint: WebhookEndpoint, membership: Membership) -> None:
    mine = membership.team_id == endpoint.team_id
    require(membership if mine else None, Permission.TEAM_KEYS)


def _give_up_pending(endpoint: WebhookEndpoint) -> None:
    WebhookDelivery.objects.filter(endpoint=endpoint, state=WebhookDelivery.State.PENDING).update(
        state=WebhookDelivery.State.GIVEN_UP,
        next_attempt_at=None,
        response_note="The endpoint was switched off or removed.",
    )


def _record(endpoint: WebhookEndpoint, word: str, actor: Actor, **data: Any) -> None:
    record(
        actor=actor,
        action=f"webhook_endpoint.{word}",
        team=endpoint.team,
        subject=f"webhook_endpoint:{endpoint.pk}",
        url=endpoint.url,
        **data,
    )
