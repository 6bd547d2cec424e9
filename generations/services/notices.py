"""Tell the client's `callback_url` how a generation ended, once, in the vendor's words."""

import json
from datetime import datetime

from accounts.models import WebhookDelivery
from generations.lifecycle import ApiStatus
from generations.models import Generation
from generations.queue import enqueue_deliver
from generations.wire import task_object


def notify_ended(generation: Generation, *, now: datetime) -> None:
    """Put the webhook into the outbox, inside the transaction that ended the generation."""
    if not generation.callback_url:
        return
    task = task_object(generation)
    word = "completed" if task["status"] == ApiStatus.COMPLETED else "failed"
    delivery, created = WebhookDelivery.objects.get_or_create(
        reference=str(generation.id),
        event=f"task.{word}",
        url=generation.callback_url,
        defaults={"team_id": generation.team_id, "body": json.dumps(task), "next_attempt_at": now},
    )
    if created:
        enqueue_deliver(delivery.pk)
