"""A generation in the vendor's words: what `GET /v1/tasks/{id}` and webhooks say."""

from typing import Any

from django.conf import settings

from generations.catalog import frames_per_second_of, ordered_inputs
from generations.lifecycle import API_STATUS, IN_FLIGHT, ApiStatus, State
from generations.models import Film, Generation
from generations.vendors import METADATA_NAMES
from platform_site.db.catalogue import Catalogue

_WAS_KEPT = frozenset({Film.State.KEPT, Film.State.REMOVED})


def film_of(generation: Generation) -> Film | None:
    """Return the generation's film row, which exists from the vendor's completion on."""
    return getattr(generation, "film", None)


def api_status(generation: Generation) -> ApiStatus:
    """Return the vendor's word for where a generation stands.

    Outside, completed means that the film is kept and our link works, or that keeping was given up.
    """
    film = film_of(generation)
    if generation.state == State.COMPLETED and (film is None or _is_awaited(film)):
        return ApiStatus.PROCESSING
    if generation.state == State.FAILED and film is not None and film.state in _WAS_KEPT:
        # A person ended it, and then the vendor's film came after all (P14).
        return ApiStatus.COMPLETED
    return API_STATUS[State(generation.state)]


def _is_awaited(film: Film) -> bool:
    # Clients were told of a loss; that it is tried again by hand does not take their answer back.
    return film.state == Film.State.PENDING and film.lost_at is None


def film_url(film: Film) -> str:
    """Return our own link to a kept film: unguessable, without a key, as long-lived as the film."""
    return f"{settings.PUBLIC_URL}/films/{film.token}.mp4"


def task_object(generation: Generation, *, known: Catalogue | None = None) -> dict[str, Any]:
    """Return the vendor's task object for one of ours; times are unix seconds.

    What only the model says is as the catalogue `known` has it, or the present one.
    """
    status = api_status(generation)
    task: dict[str, Any] = {
        "id": str(generation.id),
        "status": status,
        "model": generation.model,
        "created_at": int(generation.created_at.timestamp()),
    }
    if status == ApiStatus.COMPLETED:
        task["completed_at"] = _completed_at(generation)
        task["output"] = _output(generation, known)
    elif status == ApiStatus.FAILED:
        task["error"] = {"code": generation.error_code, "message": generation.error_message}
    else:
        # The vendor offers no real progress, and we invent none (P38).
        task["progress"] = None
        if generation.cancel_requested_at is not None and generation.state in IN_FLIGHT:
            task["cancel_requested_at"] = int(generation.cancel_requested_at.timestamp())
    return task


def _completed_at(generation: Generation) -> int | None:
    film = film_of(generation)
    moment = (film.kept_at if film else None) or generation.ended_at
    return int(moment.timestamp()) if moment else None


def _output(generation: Generation, known: Catalogue | None) -> dict[str, Any]:
    film, inputs = film_of(generation), ordered_inputs(generation)
    reported = _reported(generation.upstream_metadata)
    output: dict[str, Any] = {
        "urls": [],
        "metadata": {
            "seed": generation.seed,
            **({"ratio": generation.aspect_ratio} if "aspect_ratio" in inputs else {}),
            "duration": generation.duration,
            "resolution": generation.resolution,
            **({"generate_audio": generation.generate_audio} if "generate_audio" in inputs else {}),
            **_frame_rate(generation, reported, known),
            **reported,
        },
    }
    if film is not None and film.state == Film.State.KEPT:
        output["urls"] = [film_url(film)]
    elif film is not None and film.state == Film.State.REMOVED:
        output["film_removed"] = film.problem
    else:
        output["film_lost"] = (film.problem if film else "") or "The film was not kept."
    return output


def _frame_rate(
    generation: Generation, reported: dict[str, Any], known: Catalogue | None
) -> dict[str, int]:
    """Return the frame rate by the model's row, where the vendor did not report one."""
    is_reported = "framespersecond" in reported
    rate = None if is_reported else frames_per_second_of(generation.model, known)
    return {} if rate is None else {"framespersecond": rate}


def _reported(metadata: dict[str, Any]) -> dict[str, Any]:
    return {name: metadata[name] for name in METADATA_NAMES if name in metadata}
