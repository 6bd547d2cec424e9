"""Tell how generations come to their ends: a task's `callback_url`, and the team's endpoints.

The URL of a task hears one message in the vendor's words, `task.completed` or `task.failed`, once
what the API says is final. Endpoints hear each step, with the same task object inside.
"""

import json
from datetime import datetime
from typing import Any

from accounts.models import WebhookDelivery, WebhookEvent
from accounts.webhooks.outbox import is_subscribed, publish_event
from accounts.webhooks.steps import deliver
from generations.lifecycle import ApiStatus, State
from generations.models import Film, Generation
from generations.task_object import api_status, film_of, film_url, task_object

_TASK_EVENTS = {ApiStatus.COMPLETED: "task.completed", ApiStatus.FAILED: "task.failed"}


def notify_ended(generation: Generation, *, now: datetime) -> None:
    """Put into the outbox what can be told of a generation that ended, each thing once.

    Called inside the transaction that ended it, and inside the one in which its film was kept or
    lost: until then clients hear `processing`, and no `task.completed`.
    """
    event = _event_of(generation)
    if event is not None and is_subscribed(team_id=generation.team_id, event=event):
        publish_event(
            team=generation.team,
            event=event,
            reference=str(generation.id),
            data=_facts(generation, event),
            now=now,
        )
    told = _TASK_EVENTS.get(api_status(generation))
    if generation.callback_url and told:
        _, created = WebhookDelivery.objects.get_or_create(
            reference=str(generation.id),
            event=told,
            url=generation.callback_url,
            defaults={
                "team_id": generation.team_id,
                "body": json.dumps(task_object(generation)),
                "next_attempt_at": now,
            },
        )
        if created:
            deliver.enqueue()


def _event_of(generation: Generation) -> WebhookEvent | None:
    film = film_of(generation)
    if film is not None and film.state == Film.State.KEPT:
        return WebhookEvent.GENERATION_KEPT
    if generation.state in {State.FAILED, State.CANCELLED}:
        return WebhookEvent.GENERATION_FAILED
    if generation.state != State.COMPLETED:
        return None
    if film is not None and film.state == Film.State.GIVEN_UP:
        return WebhookEvent.GENERATION_LOST
    return WebhookEvent.GENERATION_COMPLETED


def _facts(generation: Generation, event: WebhookEvent) -> dict[str, Any]:
    project, film = generation.project, film_of(generation)
    facts: dict[str, Any] = {
        "task": str(generation.pk),
        "by": generation.user.email,
        "credits": generation.credits,
        "project": project.slug if project else None,
        "state": generation.state,
        "object": task_object(generation),
    }
    if event == WebhookEvent.GENERATION_KEPT and film is not None:
        facts["film"] = {
            "url": film_url(film),
            "size": film.size,
            "sha256": film.sha256,
            "width": film.width,
            "height": film.height,
            "duration_ms": film.duration_ms,
            "has_audio": film.has_audio,
            "differs": film.differs,
        }
    elif event == WebhookEvent.GENERATION_LOST and film is not None:
        facts["problem"] = film.problem
    elif event == WebhookEvent.GENERATION_FAILED:
        facts["error"] = {"code": generation.error_code, "message": generation.error_message}
    return facts
