"""The step that posts webhooks: one worker posts all that are due."""

from datetime import datetime, timedelta
from uuid import uuid4

from django.db.models import Q, QuerySet

from accounts.models import WebhookDelivery
from platform_site.clusters.leases import acquire
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step
from platform_site.models import Lease

LEASE = "webhooks"
CALL = "webhooks called"
CALL_LIFE = timedelta(seconds=60)

deliver_step = Step(
    "accounts.webhooks.steps.deliver_step",
    runs="accounts.webhooks.worker.deliver_due",
    queue=MAIN_QUEUE,
)


deliver_step.due_by(
    WebhookDelivery.objects.filter(state=WebhookDelivery.State.PENDING), "next_attempt_at"
)


@deliver_step.when_due
def _deliver_due(now: datetime) -> None:
    if claim_wakeup(now=now):
        deliver_step.enqueue()


def claim_wakeup(*, now: datetime) -> bool:
    """Return whether to enqueue a worker: something is due, nobody carries, and nobody has called.

    A call is answered by the worker that it brings, or forgotten when that one got lost.
    """
    carried = Lease.objects.filter(name=LEASE, expires_at__gt=now).exclude(holder="")
    if carried.exists() or not due_deliveries(now).exists():
        return False
    return acquire(CALL, uuid4().hex, now=now, life=CALL_LIFE)


def due_deliveries(now: datetime) -> QuerySet[WebhookDelivery]:
    """Return what is to be posted at `now` and nobody posts."""
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    return WebhookDelivery.objects.filter(
        free, state=WebhookDelivery.State.PENDING, next_attempt_at__lte=now
    )
