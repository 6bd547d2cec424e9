"""Add, change, enable, disable and remove a team's webhook endpoints."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, Team, WebhookEndpoint
from accounts.roles import Permission
from accounts.webhooks.events import chosen_names
from accounts.webhooks.health import give_up_waiting
from platform_site.errors import Conflict, InvalidRequest
from platform_site.http.addresses import literal_address_problem

MAX_ENDPOINTS = 10


def add_endpoint(*, team: Team, url: str, events: Iterable[str], by: By) -> WebhookEndpoint:
    """Have the team's `events` posted to `url`, signed with the team's webhook secret.

    Raises `PermissionDenied`, `InvalidRequest` for a URL that is not public (`OUTBOUND_ALLOW`
    exempts) or an unknown event, and `Conflict` for a second time or one too many.
    """
    by.require(Permission.TEAM_KEYS, team_id=team.pk)
    problem = literal_address_problem(url, allow=frozenset(settings.OUTBOUND_ALLOW))
    if problem:
        raise InvalidRequest(f"The URL must be a public HTTP(S) URL ({problem})", field="url")
    chosen = _known_events(events)
    if WebhookEndpoint.objects.filter(team=team, removed_at=None).count() >= MAX_ENDPOINTS:
        raise Conflict(f"A team has at most {MAX_ENDPOINTS} endpoints.", field="url")
    try:
        with transaction.atomic():
            endpoint = WebhookEndpoint.objects.create(team=team, url=url, events=chosen)
            _record(endpoint, AuditAction.WEBHOOK_ENDPOINT_ADDED, by, events=chosen)
    except IntegrityError:
        raise Conflict("The team already has an endpoint with this URL.", field="url") from None
    return endpoint


@transaction.atomic
def choose_events(endpoint: WebhookEndpoint, *, events: Iterable[str], by: By) -> None:
    """Have other events posted to an endpoint from now on.

    Raises `PermissionDenied`, alike for another team's endpoint, and `InvalidRequest`.
    """
    by.require(Permission.TEAM_KEYS, team_id=endpoint.team_id)
    endpoint.events = _known_events(events)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(events=endpoint.events)
    _record(endpoint, AuditAction.WEBHOOK_ENDPOINT_EVENTS_CHOSEN, by, events=endpoint.events)


@transaction.atomic
def set_endpoint_enabled(endpoint: WebhookEndpoint, *, enabled: bool, by: By) -> None:
    """Enable or disable an endpoint; what waits for one that is disabled is given up.

    Raises `PermissionDenied`, alike for another team's endpoint, and `Conflict` for one that was
    removed.
    """
    by.require(Permission.TEAM_KEYS, team_id=endpoint.team_id)
    there = WebhookEndpoint.objects.filter(pk=endpoint.pk, removed_at=None)
    if not there.update(enabled=enabled, disabled_reason="", failing_since=None):
        raise Conflict("The endpoint was removed.")
    endpoint.enabled, endpoint.disabled_reason, endpoint.failing_since = enabled, "", None
    if not enabled:
        give_up_waiting(endpoint, note="The endpoint was disabled.")
    on, off = AuditAction.WEBHOOK_ENDPOINT_ENABLED, AuditAction.WEBHOOK_ENDPOINT_DISABLED
    _record(endpoint, on if enabled else off, by)


@transaction.atomic
def remove_endpoint(endpoint: WebhookEndpoint, *, by: By, now: datetime) -> None:
    """Take an endpoint away; its deliveries stay as history. Raises `PermissionDenied`.

    The row stays: an event that commits at the same moment must find what it points at.
    """
    by.require(Permission.TEAM_KEYS, team_id=endpoint.team_id)
    there = WebhookEndpoint.objects.filter(pk=endpoint.pk, removed_at=None)
    if there.update(removed_at=now, enabled=False):
        endpoint.removed_at, endpoint.enabled = now, False
        give_up_waiting(endpoint, note="The endpoint was removed.")
        _record(endpoint, AuditAction.WEBHOOK_ENDPOINT_REMOVED, by)


def _known_events(events: Iterable[str]) -> list[str]:
    chosen, known = sorted(set(events)), chosen_names()
    if not chosen or not set(chosen) <= set(known):
        raise InvalidRequest(f"Choose at least one of {', '.join(known)}.", field="events")
    return chosen


def _record(endpoint: WebhookEndpoint, action: AuditAction, by: By, **data: Any) -> None:
    record(by=by, action=action, team=endpoint.team, subject=endpoint, url=endpoint.url, **data)
