"""Publish what becomes of generations to a task's `callback_url` and the team's endpoints.

The URL of a task hears one message in the vendor's words, `task.completed` or `task.failed`, once
what the API says is final. Endpoints hear each step, with the same task object inside.
"""

from datetime import datetime
from typing import Any

from accounts.webhooks import (
    GenerationCompleted,
    GenerationFailed,
    GenerationKept,
    GenerationLost,
    KeptFilm,
    TaskError,
    TaskEvent,
    WebhookEvent,
    is_subscribed,
    publish_event,
    put_callback,
)
from generations.lifecycle import ApiStatus, State
from generations.models import Film, Generation
from generations.task_object import api_status, film_of, film_url, task_object

_TASK_EVENTS = {ApiStatus.COMPLETED: TaskEvent.COMPLETED, ApiStatus.FAILED: TaskEvent.FAILED}


def notify_ended(generation: Generation, *, now: datetime) -> None:
    """Put into the outbox what can be announced of a generation that ended, each thing once.

    Called inside the transaction that ended it, and inside the one in which its film was kept or
    lost: until then clients hear `processing`, and no `task.completed`.
    """
    kind = _kind_of_end(generation)
    if kind is not None and is_subscribed(team_id=generation.team_id, event=kind):
        event = _event(generation, kind)
        publish_event(event, team=generation.team, subject_id=generation.pk, now=now)
    told = _TASK_EVENTS.get(api_status(generation))
    if generation.callback_url and told:
        put_callback(
            told,
            task_id=generation.pk,
            team_id=generation.team_id,
            url=generation.callback_url,
            body=task_object(generation),
            now=now,
        )


def _kind_of_end(generation: Generation) -> type[WebhookEvent] | None:
    film = film_of(generation)
    if film is not None and film.state == Film.State.KEPT:
        return GenerationKept
    if generation.state in {State.FAILED, State.CANCELLED}:
        return GenerationFailed
    if generation.state != State.COMPLETED:
        return None
    if film is not None and film.state == Film.State.GIVEN_UP:
        return GenerationLost
    return GenerationCompleted


def _event(generation: Generation, kind: type[WebhookEvent]) -> WebhookEvent:
    project, film = generation.project, film_of(generation)
    facts: dict[str, Any] = {
        "task": str(generation.pk),
        "by": generation.user.email,
        "credits": generation.credits,
        "project": project.slug if project else None,
        "state": generation.state,
        "object": task_object(generation),
    }
    if kind is GenerationKept and film is not None:
        return GenerationKept(**facts, film=_kept(film))
    if kind is GenerationLost and film is not None:
        return GenerationLost(**facts, problem=film.problem)
    if kind is GenerationFailed:
        error = TaskError(code=generation.error_code, message=generation.error_message)
        return GenerationFailed(**facts, error=error)
    return GenerationCompleted(**facts)


def _kept(film: Film) -> KeptFilm:
    return KeptFilm(
        url=film_url(film),
        size=film.size,
        sha256=film.sha256,
        width=film.width,
        height=film.height,
        duration_ms=film.duration_ms,
        has_audio=film.has_audio,
        differs=film.differs,
    )
