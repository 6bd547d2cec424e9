"""Post webhooks: the vendor's headers and body, signed after Standard Webhooks."""

import base64
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from accounts.models import Team, WebhookDelivery
from platform_site.http import PostError, guarded_client, post_json
from platform_site.keyring import site_keyring

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 10
_CLAIM = timedelta(seconds=60)
_OF_A_TASK = ("task.", "approval.")  # the events whose reference is a task's id
# Seconds to the next try. The vendor tries at once, after 3 minutes and after 10 (FACTS.md); ours
# goes on for a day.
RETRIES = (10, 180, 600, 1800, 7200, 21_600, 43_200)


def deliver(delivery_id: UUID) -> None:
    """Try once to post a pending webhook; any 2xx ends it, the last failure gives it up."""
    delivery = _claim(delivery_id, now=timezone.now())
    if delivery is None:
        return
    now = timezone.now()
    body = delivery.body.encode()
    status, note = None, ""
    try:
        with guarded_client(
            allow=frozenset(settings.OUTBOUND_ALLOW), timeout=TIMEOUT_SECONDS
        ) as client:
            reply = post_json(
                client,
                delivery.url,
                body,
                headers_for(delivery, now=now),
                deadline_seconds=TIMEOUT_SECONDS,
            )
        status, note = reply.status, reply.snippet
    except PostError as error:
        note = str(error)
    _record(delivery, status, note)


def headers_for(delivery: WebhookDelivery, *, now: datetime) -> dict[str, str]:
    """Return the vendor's headers, for what is about a task, and the three of Standard Webhooks.

    The id stays the same over retries, so that a receiver can drop doubles.
    """
    moment = now.astimezone(UTC)
    signer = Webhook(webhook_secret(delivery.team))
    task = {"X-Task-Id": delivery.reference} if delivery.event.startswith(_OF_A_TASK) else {}
    return {
        "Content-Type": "application/json",
        "X-Event": delivery.event,
        **task,
        "X-Timestamp": str(int(moment.timestamp())),
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signer.sign(str(delivery.pk), moment, delivery.body),
    }


def webhook_secret(team: Team) -> str:
    """Return the team's signing secret (`whsec_…`), made at first use and stored encrypted."""
    ring, bound_to = site_keyring(), _bound_to(team)
    if not team.webhook_secret_token:
        fresh = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        # The first of two writers wins; both then use what is stored.
        Team.objects.filter(pk=team.pk, webhook_secret_token="").update(
            webhook_secret_token=ring.encrypt(fresh, bound_to)
        )
        team.refresh_from_db(fields=["webhook_secret_token"])
    return ring.decrypt(team.webhook_secret_token, bound_to).reveal()


def rotate_webhook_seals() -> int:
    """Seal every team's signing secret anew with the current vault key; return how many."""
    ring, count = site_keyring(), 0
    for team in Team.objects.exclude(webhook_secret_token=""):
        earlier = team.webhook_secret_token
        if ring.needs_rotation(earlier):
            bound_to = _bound_to(team)
            count += Team.objects.filter(pk=team.pk, webhook_secret_token=earlier).update(
                webhook_secret_token=ring.rotate(earlier, bound_to)
            )
    return count


def _claim(delivery_id: UUID, *, now: datetime) -> WebhookDelivery | None:
    delivery = (
        WebhookDelivery.objects.select_related("team")
        .filter(pk=delivery_id, state=WebhookDelivery.State.PENDING)
        .first()
    )
    if delivery is None:
        return None
    # Two copies of one task may run at once: whoever claims posts, the other does nothing.
    claimed = WebhookDelivery.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lte=now),
        pk=delivery.pk,
        state=WebhookDelivery.State.PENDING,
        attempts=delivery.attempts,
    ).update(
        attempts=delivery.attempts + 1, claimed_until=now + _CLAIM, next_attempt_at=now + _CLAIM
    )
    delivery.attempts += 1
    return delivery if claimed else None


def _record(delivery: WebhookDelivery, status: int | None, note: str) -> None:
    now = timezone.now()
    changes: dict[str, object] = {
        "response_status": status,
        "response_note": note[:300],
        "claimed_until": None,
    }
    if status is not None and 200 <= status < 300:
        changes |= {
            "state": WebhookDelivery.State.DELIVERED,
            "delivered_at": now,
            "next_attempt_at": None,
        }
    elif delivery.attempts > len(RETRIES):
        changes |= {"state": WebhookDelivery.State.GIVEN_UP, "next_attempt_at": None}
        log.error("webhook_given_up", delivery=str(delivery.pk), status=status)
    else:
        wait = timedelta(seconds=RETRIES[delivery.attempts - 1])
        changes["next_attempt_at"] = now + wait
    WebhookDelivery.objects.filter(pk=delivery.pk, state=WebhookDelivery.State.PENDING).update(
        **changes
    )


def _bound_to(team: Team) -> str:
    return f"accounts_team:webhook_secret_token:{team.pk}"
