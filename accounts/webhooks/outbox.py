"""What is to be posted: events, tests, and what is sent again; and when it is forgotten.

Each is a row that commits with what it is about, and with the step that posts it.
"""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from accounts.audit import record
from accounts.authority import By
from accounts.errors import RateLimitExceeded
from accounts.models import (
    AuditAction,
    HostBackoff,
    Team,
    WebhookDelivery,
    WebhookEndpoint,
)
from accounts.people import name_of
from accounts.roles import Permission
from accounts.webhooks.events import About, EndpointTest, TaskEvent, WebhookEvent
from accounts.webhooks.steps import deliver_step
from platform_site.errors import Conflict

KEPT_FOR = timedelta(days=30)
TESTS_A_MINUTE = 6  # of one team
AGAIN_AFTER = timedelta(seconds=10)  # since the last attempt

_PRUNED_AT_ONCE = 2000


def is_subscribed(*, team_id: int, event: type[WebhookEvent]) -> bool:
    """Return whether any of a team's endpoints wants an event: asked before its facts are read."""
    chosen = WebhookEndpoint.objects.filter(team_id=team_id, enabled=True)
    return any(event.event_name in events for events in chosen.values_list("events", flat=True))


def publish_event(
    event: WebhookEvent, *, team: Team, subject_id: int | UUID, now: datetime, once: str = ""
) -> list[WebhookDelivery]:
    """Put an event into the outbox of each endpoint that wants it, in the caller's transaction.

    `subject_id` is the id of what `event.about` says. An endpoint hears each event once about the
    same subject, or, with `once`, once about what that names. Returns the new deliveries.
    """
    body = _body(team, event, now)
    new = []
    for endpoint in WebhookEndpoint.objects.filter(team=team, enabled=True):
        if event.event_name not in endpoint.events:
            continue
        delivery, created = WebhookDelivery.objects.get_or_create(
            reference=once or str(subject_id),
            event=event.event_name,
            url=endpoint.url,
            defaults={
                "team": team,
                "endpoint": endpoint,
                "subject_kind": event.about,
                "subject_id": str(subject_id),
                "body": body,
                "next_attempt_at": now,
            },
        )
        if created:
            new.append(delivery)
    if new:
        deliver_step.enqueue()
    return new


def put_callback(
    event: TaskEvent, *, task_id: UUID, team_id: int, url: str, body: dict[str, Any], now: datetime
) -> WebhookDelivery | None:
    """Put a task's end into the outbox of its own `callback_url`, in the caller's transaction.

    Returns None when it was told before.
    """
    delivery, created = WebhookDelivery.objects.get_or_create(
        reference=str(task_id),
        event=event,
        url=url,
        defaults={
            "team_id": team_id,
            "subject_kind": About.GENERATION,
            "subject_id": str(task_id),
            "body": json.dumps(body),
            "next_attempt_at": now,
        },
    )
    if not created:
        return None
    deliver_step.enqueue()
    return delivery


@transaction.atomic
def put_test(endpoint: WebhookEndpoint, *, by: By, now: datetime) -> WebhookDelivery:
    """Put a test message into an endpoint's outbox; it is posted once, also to a disabled one.

    Raises `PermissionDenied`, alike for another team's endpoint, `Conflict` for one that was
    removed, and `RateLimitExceeded` for more than `TESTS_A_MINUTE`.
    """
    by.require(Permission.TEAM_KEYS, team_id=endpoint.team_id)
    if endpoint.removed_at is not None:
        raise Conflict("The endpoint was removed.")
    recent = WebhookDelivery.objects.filter(
        team_id=endpoint.team_id,
        event=EndpointTest.event_name,
        created_at__gt=now - timedelta(minutes=1),
    )
    if recent.count() >= TESTS_A_MINUTE:
        raise RateLimitExceeded(f"At most {TESTS_A_MINUTE} tests per minute. Wait a moment.")
    event = EndpointTest(endpoint=endpoint.pk, asked_by=name_of(by.name))
    delivery = WebhookDelivery.objects.create(
        team=endpoint.team,
        endpoint=endpoint,
        url=endpoint.url,
        event=event.event_name,
        subject_kind=event.about,
        subject_id=str(endpoint.pk),
        reference=f"test:{uuid4()}",
        body=_body(endpoint.team, event, now),
        next_attempt_at=now,
        created_at=now,
    )
    _wake(delivery, now)
    deliver_step.enqueue()
    _record(delivery, AuditAction.WEBHOOK_TEST_SENT, by)
    return delivery


@transaction.atomic
def send_again(delivery: WebhookDelivery, *, by: By, now: datetime) -> None:
    """Post a message again at once, under the same id, and begin another day of attempts.

    Raises `PermissionDenied`, alike for another team's delivery, `Conflict` when it is being posted
    or its endpoint is off, and `RateLimitExceeded` right after an attempt.
    """
    by.require(Permission.TEAM_KEYS, team_id=delivery.team_id)
    endpoint = delivery.endpoint
    if endpoint is not None and endpoint.removed_at is not None:
        raise Conflict("The endpoint was removed.")
    if endpoint is not None and not endpoint.enabled and delivery.event != EndpointTest.event_name:
        raise Conflict("The endpoint is disabled. Enable it first.")
    if delivery.attempt_log.filter(at__gt=now - AGAIN_AFTER).exists():
        raise RateLimitExceeded("The last attempt was a moment ago. Try again in 10 seconds.")
    # The attempts tell this press from another one, and from an attempt that began meanwhile.
    rested = WebhookDelivery.objects.filter(
        pk=delivery.pk, attempts=delivery.attempts, state=delivery.state
    ).exclude(claimed_until__gt=now)
    if not rested.update(
        state=WebhookDelivery.State.PENDING,
        next_attempt_at=now,
        claimed_until=None,
        series_attempts=0,
        series_since=None,
    ):
        raise Conflict("It is being sent right now.")
    _wake(delivery, now)
    deliver_step.enqueue()
    _record(delivery, AuditAction.WEBHOOK_SENT_AGAIN, by)


def prune_deliveries(*, now: datetime) -> int:
    """Forget deliveries that ended long ago, and what only they kept; return how many."""
    old = now - KEPT_FOR
    ended = WebhookDelivery.objects.filter(created_at__lt=old).exclude(
        state=WebhookDelivery.State.PENDING
    )
    ids = list(ended.values_list("pk", flat=True)[:_PRUNED_AT_ONCE])
    WebhookDelivery.objects.filter(pk__in=ids).delete()
    WebhookEndpoint.objects.filter(removed_at__lt=old, deliveries=None).delete()
    HostBackoff.objects.filter(ends_at__lt=now - timedelta(days=1)).delete()
    return len(ids)


def _body(team: Team, event: WebhookEvent, now: datetime) -> str:
    return json.dumps(
        {
            "type": event.event_name,
            "created_at": int(now.timestamp()),
            "team": team.slug,
            "data": event.payload(),
        }
    )


def _wake(delivery: WebhookDelivery, now: datetime) -> None:
    """Have a host that is left alone asked again: a person says that it works."""
    HostBackoff.objects.filter(team_id=delivery.team_id, host=delivery.host).update(ends_at=now)


def _record(delivery: WebhookDelivery, action: AuditAction, by: By) -> None:
    record(by=by, action=action, team=delivery.team, subject=delivery, event=delivery.event)
