"""Post one webhook: the vendor's headers and body, signed after Standard Webhooks.

An attempt is claimed, posted and recorded. The claim and the record are the database's; the post
may run in any thread. Whoever dies in between leaves a claim that ends by time: the message is
posted again under the same id, and never lost.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Coalesce
from standardwebhooks.webhooks import Webhook

from accounts.models import HostBackoff, WebhookAttempt, WebhookDelivery
from accounts.webhooks.events import ABOUT_TASKS, EndpointTest
from accounts.webhooks.health import note_delivered, note_given_up, note_undelivered, retire
from accounts.webhooks.schedule import HOST_BACKOFF, next_attempt, requested_wait
from accounts.webhooks.secrets import signing_secrets
from platform_site.http import PostError, guarded_client, post_json
from platform_site.logs import redact

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 10.0
CLAIM = timedelta(seconds=60)  # resolving a name is bounded by the system alone
_SIGNING_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]+")
_OVERLOADED = frozenset({429, 503})  # what Retry-After is honoured with


@dataclass(frozen=True, slots=True)
class PostResult:
    """What came of one POST; without a status nobody answered, and `problem` says why."""

    status: int | None
    snippet: str
    problem: str
    duration_ms: int
    retry_after: str = ""

    @property
    def is_delivered(self) -> bool:
        """Return whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def timed_out(self) -> bool:
        """Return whether a thread was kept waiting for nothing."""
        return self.status is None and self.duration_ms >= TIMEOUT_SECONDS * 500


def claim_attempt(delivery: WebhookDelivery, *, now: datetime) -> Mapping[str, str] | None:
    """Claim the next attempt and return the headers to send; None when it is not ours to post.

    Of two that claim at once one gets it. Raises `CipherError`, having claimed nothing.
    """
    headers = headers_for(delivery, now=now)
    with transaction.atomic():
        mine = WebhookDelivery.objects.filter(
            Q(claimed_until=None) | Q(claimed_until__lte=now),
            pk=delivery.pk,
            state=WebhookDelivery.State.PENDING,
            attempts=delivery.attempts,
        ).update(
            attempts=delivery.attempts + 1,
            series_attempts=delivery.series_attempts + 1,
            series_since=Coalesce("series_since", Value(now)),
            claimed_until=now + CLAIM,
            next_attempt_at=now + CLAIM,
        )
        if not mine:
            return None
        delivery.attempts += 1
        delivery.series_attempts += 1
        delivery.series_since = delivery.series_since or now
        WebhookAttempt.objects.create(
            delivery=delivery, number=delivery.attempts, at=now, headers=headers
        )
    return headers


def headers_for(delivery: WebhookDelivery, *, now: datetime) -> dict[str, str]:
    """Return the vendor's headers, for what is about a task, and the three of Standard Webhooks.

    The id stays the same over retries, so that a receiver can drop doubles. While a rotated secret
    still signs there are two signatures. Raises `CipherError`.
    """
    moment = now.astimezone(UTC)
    stamp = str(int(moment.timestamp()))
    signatures = [
        Webhook(secret).sign(str(delivery.pk), moment, delivery.body)
        for secret in signing_secrets(delivery.team, now=now)
    ]
    task = {"X-Task-Id": delivery.subject_id} if delivery.subject_kind in ABOUT_TASKS else {}
    return {
        "Content-Type": "application/json",
        "X-Event": delivery.event,
        **task,
        "X-Timestamp": stamp,
        "webhook-id": str(delivery.pk),
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }


def post(url: str, body: str, headers: Mapping[str, str]) -> PostResult:
    """Post once, within ten seconds in all; touches no database, so that any thread may."""
    started = time.monotonic()
    try:
        with guarded_client(
            allow=frozenset(settings.OUTBOUND_ALLOW), timeout=TIMEOUT_SECONDS
        ) as client:
            reply = post_json(client, url, body.encode(), headers, deadline_seconds=TIMEOUT_SECONDS)
    except PostError as error:
        return PostResult(None, "", _without_secrets(str(error)), _since(started))
    problem = "Redirects are not followed." if 300 <= reply.status < 400 else ""
    snippet = _without_secrets(reply.snippet)
    return PostResult(reply.status, snippet, problem, _since(started), reply.retry_after)


@transaction.atomic
def record_attempt(
    delivery: WebhookDelivery, answer: PostResult, *, now: datetime, jitter: float
) -> None:
    """Record what came of a claimed attempt, and when there is another.

    `jitter`, from 0 up to 1, spreads the retries. Any 2xx is the end, whatever was decided
    meanwhile.
    """
    delivery.attempt_log.filter(number=delivery.attempts).update(
        status=answer.status,
        duration_ms=answer.duration_ms,
        snippet=answer.snippet,
        problem=answer.problem[:300],
    )
    _note_host(delivery, answer, now)
    if answer.is_delivered:
        unheard = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(
            state=WebhookDelivery.State.DELIVERED
        )
        unheard.update(
            **_outcome(answer),
            state=WebhookDelivery.State.DELIVERED,
            delivered_at=now,
            next_attempt_at=None,
        )
        note_delivered(delivery)
        return
    note_undelivered(delivery, now=now)
    at = _next_attempt(delivery, answer, now, jitter)
    # A claim that ran out may be another's by now; its holder decides.
    mine = WebhookDelivery.objects.filter(
        pk=delivery.pk, state=WebhookDelivery.State.PENDING, attempts=delivery.attempts
    )
    if at is not None:
        mine.update(**_outcome(answer), next_attempt_at=at)
    elif mine.update(
        **_outcome(answer), next_attempt_at=None, state=WebhookDelivery.State.GIVEN_UP
    ):
        log.error("webhook_given_up", delivery=str(delivery.pk), status=answer.status)
        note_given_up(delivery, now=now)
    if answer.status == 410:
        retire(delivery, now=now)


def _next_attempt(
    delivery: WebhookDelivery, answer: PostResult, now: datetime, jitter: float
) -> datetime | None:
    if answer.status == 410 or delivery.event == EndpointTest.event_name:
        return None
    asked = requested_wait(answer.retry_after, now=now) if answer.status in _OVERLOADED else None
    return next_attempt(
        attempts=delivery.series_attempts,
        since=delivery.series_since or now,
        now=now,
        jitter=jitter,
        asked=asked,
    )


def _outcome(answer: PostResult) -> dict[str, object]:
    note = answer.problem or answer.snippet
    return {
        "response_status": answer.status,
        "response_note": note[:300],
        "claimed_until": None,
    }


def _note_host(delivery: WebhookDelivery, answer: PostResult, now: datetime) -> None:
    """Back off from a host that timed out; whatever answers may be asked at once."""
    known = HostBackoff.objects.filter(team_id=delivery.team_id, host=delivery.host)
    if not answer.timed_out:
        known.delete()
        return
    row = known.first()
    if row is None:
        fresh = HostBackoff(
            team_id=delivery.team_id, host=delivery.host, ends_at=now + HOST_BACKOFF.after(1)
        )
        HostBackoff.objects.bulk_create([fresh], ignore_conflicts=True)
    elif row.ends_at <= now:
        # Several posts that timed out at once are one hang.
        known.filter(timeouts=row.timeouts).update(
            timeouts=row.timeouts + 1, ends_at=now + HOST_BACKOFF.after(row.timeouts + 1)
        )


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _without_secrets(text: str) -> str:
    """Return what a receiver says without keys: it may echo its own settings."""
    return _SIGNING_SECRET.sub("whsec_…", redact(text))[:1000]
