"""Receivers of webhooks, what waits to be carried to them, and the courier."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connections
from django.utils import timezone

from accounts.models import HostBackoff, Team, WebhookDelivery, WebhookEndpoint
from accounts.webhooks.events import WalletLow
from accounts.webhooks.worker import deliver_due
from tests.support.vendor import Vendor, running_vendor

HOOK = "/hook"
LOW = WalletLow.event_name
PENDING, DELIVERED, GIVEN_UP = (
    WebhookDelivery.State.PENDING,
    WebhookDelivery.State.DELIVERED,
    WebhookDelivery.State.GIVEN_UP,
)


@contextmanager
def receivers(count: int, allowed: list[str]) -> Iterator[list[Vendor]]:
    """Start further receivers, which the operator has exempted."""
    with ExitStack() as stack:
        started = [stack.enter_context(running_vendor()) for _ in range(count)]
        allowed.extend(one.url.removeprefix("http://") for one in started)
        yield started


def put(team: Team, url: str, count: int = 1, **fields: Any) -> list[WebhookDelivery]:
    """Have so many deliveries wait."""
    fields = {"event": LOW, "body": '{"type": "wallet.low"}', **fields}
    start = WebhookDelivery.objects.count()
    return [
        WebhookDelivery.objects.create(team=team, url=url, reference=f"r{start + number}", **fields)
        for number in range(count)
    ]


def for_endpoint(endpoint: WebhookEndpoint, count: int = 1, **more: Any) -> list[WebhookDelivery]:
    """Have deliveries wait for an endpoint of a team."""
    return put(endpoint.team, endpoint.url, count, endpoint=endpoint, **more)


def carried(delivery: WebhookDelivery) -> WebhookDelivery:
    """Let the delivery be due now and carry."""
    WebhookDelivery.objects.filter(pk=delivery.pk, next_attempt_at__isnull=False).update(
        next_attempt_at=timezone.now()
    )
    HostBackoff.objects.update(ends_at=timezone.now())
    assert deliver_due()
    delivery.refresh_from_db()
    return delivery


@contextmanager
def carrying(**options: Any) -> Iterator[threading.Thread]:
    """Carry in another thread, and wait for its end."""

    def work() -> None:
        try:
            deliver_due(**options)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(60)
        assert not thread.is_alive()
