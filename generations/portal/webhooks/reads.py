"""What the page of a webhook delivery reads, and the feed while the page is open."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.models import Membership, WebhookDelivery
from accounts.selectors import webhook_deliveries_for
from accounts.webhooks import ABOUT_TASKS, EndpointTest
from platform_site.errors import NotFound


def delivery_for(membership: Membership, delivery_id: UUID) -> WebhookDelivery:
    """Return one delivery of the member's team.

    Raises `PermissionDenied` to who does not manage the team's keys, and `NotFound`.
    """
    delivery = webhook_deliveries_for(membership).filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound
    return delivery


def delivery_context(delivery: WebhookDelivery, *, now: datetime) -> dict[str, Any]:
    """Return the delivery with its attempts, newest first, and what can be done with it."""
    endpoint = delivery.endpoint
    is_test = delivery.event == EndpointTest.event_name
    return {
        "delivery": delivery,
        "attempts": delivery.attempt_log.order_by("-number"),
        "body": _readable(delivery.body),
        "about_task": delivery.subject_kind in ABOUT_TASKS,
        "in_progress": delivery.claimed_until is not None and delivery.claimed_until > now,
        "can_send": endpoint is None
        or (endpoint.removed_at is None and (endpoint.enabled or is_test)),
    }


def _readable(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
