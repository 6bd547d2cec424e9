"""Have tests and old messages posted soon: the outbox's own verbs, and a courier to carry them."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Membership, WebhookDelivery, WebhookEndpoint
from accounts.webhooks.outbox import (
    put_test,
    send_again,
    send_again_for_operator,
)
from generations.queue import enqueue_deliver


@transaction.atomic
def post_test(
    endpoint: WebhookEndpoint, *, membership: Membership, actor: Actor, now: datetime
) -> WebhookDelivery:
    """Post a test message to an endpoint soon. Raises as `put_test` does."""
    delivery = put_test(endpoint, membership=membership, actor=actor, now=now)
    enqueue_deliver()
    return delivery


@transaction.atomic
def post_again(
    delivery: WebhookDelivery, *, membership: Membership, actor: Actor, now: datetime
) -> None:
    """Post a message again soon, under its id. Raises as `send_again` does."""
    send_again(delivery, membership=membership, actor=actor, now=now)
    enqueue_deliver()


@transaction.atomic
def post_again_for_operator(delivery: WebhookDelivery, *, actor: Actor, now: datetime) -> None:
    """Do what `post_again` does, by the rights of the actor. Raises as it does."""
    send_again_for_operator(delivery, actor=actor, now=now)
    enqueue_deliver()
