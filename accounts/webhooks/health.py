"""Endpoints that fail: since when, and the end of those that are gone or fail for days."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction, NoticeKind, WebhookDelivery, WebhookEndpoint
from accounts.notices import notify
from accounts.roles import Permission
from accounts.webhooks.events import EndpointTest

# Without one 2xx for so long an endpoint is disabled, as Standard Webhooks advises.
FAILING_LIFE = timedelta(days=5)
GONE = "The receiver answered 410: it no longer exists."

_SYSTEM = By.system("webhooks")


def note_delivered(delivery: WebhookDelivery) -> None:
    """Note that the endpoint works."""
    _endpoint_of(delivery).filter(failing_since__isnull=False).update(failing_since=None)


def note_undelivered(delivery: WebhookDelivery, *, now: datetime) -> None:
    """Note since when the endpoint fails; a test that fails is nobody's message."""
    if delivery.event != EndpointTest.event_name:
        _endpoint_of(delivery).filter(failing_since=None).update(failing_since=now)


def note_given_up(delivery: WebhookDelivery, *, now: datetime) -> None:
    """Disable the endpoint when a whole day of attempts failed and so was all for days."""
    for_days = _endpoint_of(delivery).filter(enabled=True, failing_since__lte=now - FAILING_LIFE)
    endpoint = for_days.select_related("team").first()
    if endpoint is not None and delivery.event != EndpointTest.event_name:
        days = FAILING_LIFE.days
        _disable(endpoint, f"It accepted no delivery for {days} days.", now)


@transaction.atomic
def retire(delivery: WebhookDelivery, *, now: datetime) -> None:
    """End what a receiver that answered 410 still waits for.

    An endpoint is disabled. Of a URL that came with a task everything that waits for it is given
    up; a later task that names it again is a new request, and is posted to.
    """
    if delivery.endpoint is not None:
        _disable(delivery.endpoint, GONE, now)
        return
    waiting = WebhookDelivery.objects.filter(
        team_id=delivery.team_id,
        endpoint=None,
        url=delivery.url,
        state=WebhookDelivery.State.PENDING,
    )
    _give_up(waiting, GONE)


def give_up_waiting(endpoint: WebhookEndpoint, *, note: str) -> None:
    """Give up what waits to be posted to an endpoint; what is on its way may yet arrive."""
    pending = WebhookDelivery.State.PENDING
    _give_up(WebhookDelivery.objects.filter(endpoint=endpoint, state=pending), note)


def _endpoint_of(delivery: WebhookDelivery) -> QuerySet[WebhookEndpoint]:
    if delivery.endpoint_id is None:
        return WebhookEndpoint.objects.none()
    return WebhookEndpoint.objects.filter(pk=delivery.endpoint_id)


def _give_up(deliveries: QuerySet[WebhookDelivery], note: str) -> None:
    deliveries.update(
        state=WebhookDelivery.State.GIVEN_UP, next_attempt_at=None, response_note=note
    )


@transaction.atomic
def _disable(endpoint: WebhookEndpoint, reason: str, now: datetime) -> None:
    on = WebhookEndpoint.objects.filter(pk=endpoint.pk, enabled=True)
    if not on.update(enabled=False, disabled_reason=reason):
        return  # somebody switched it off, or another answer did
    give_up_waiting(endpoint, note="The endpoint was disabled.")
    record(
        by=_SYSTEM,
        action=AuditAction.WEBHOOK_ENDPOINT_DISABLED,
        team=endpoint.team,
        subject=endpoint,
        reason=reason,
        url=endpoint.url,
    )
    notify(
        team=endpoint.team,
        audience=Permission.TEAM_KEYS,
        kind=NoticeKind.WEBHOOK_ENDPOINT_DISABLED,
        title="Webhook endpoint disabled",
        body=f"{endpoint}\n{reason}\n\nWe post nothing more to it. Enable it once the receiver "
        "works again; you can send failed deliveries again from their pages.",
        key=f"webhook_endpoint:{endpoint.pk}:disabled:{now.isoformat()}",
        path=f"/webhooks/{endpoint.pk}/",
        subject=endpoint,
        now=now,
    )
