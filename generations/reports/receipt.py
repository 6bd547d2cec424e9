"""A generation's receipt: every credit, traced from the quote to the kept file."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from accounts.people import names_of
from billing.models import Transfer
from generations.models import Approval, Film, Generation
from generations.selectors import events_of
from generations.task_object import api_status, film_of
from generations.uploads import UPLOAD_PATH, uploaded_token


def receipt_of(generation: Generation) -> dict[str, Any]:
    """Return the receipt as JSON-ready data; times are unix seconds, amounts whole credits.

    Actors are named as `accounts.people.names` does: people by the address that they have today.
    """
    entries, events = list(_entries(generation)), events_of(generation)
    approval = Approval.objects.filter(generation=generation).first()
    names = names_of(
        [*(one.actor for one in (*entries, *events)), approval.decided_by if approval else ""]
    )
    return {
        "id": str(generation.id),
        "status": api_status(generation),
        "state": generation.state,
        "requested": {
            "by": generation.user.email,
            "api_key": str(generation.api_key) if generation.api_key else None,
            "team": generation.team.slug,
            "project": generation.project.slug if generation.project else None,
            "at": _time(generation.created_at),
            "idempotency_key": generation.idempotency_key,
            "fingerprint": generation.fingerprint,
            "body": _shown(generation.body),
        },
        "quote": {
            "credits": generation.credits,
            "seconds": generation.duration,
            "credits_per_second": generation.credits_per_second,
            "rate": {
                "id": generation.rate_id,
                "effective_from": _time(generation.rate.effective_from),
            },
        },
        "approval": _approval(approval, names) if approval else None,
        "hold": _hold(generation),
        "entries": [_entry(entry, names) for entry in entries],
        "spent": generation.hold.spent,
        "vendor": {
            "provider_key": str(generation.provider_key),
            "task_id": generation.upstream_id,
            "submitted_at": _time(generation.submitted_at),
            "accepted_at": _time(generation.accepted_at),
            "metadata": generation.upstream_metadata,
            "metadata_differs": generation.metadata_differs,
            "callbacks": [
                {"at": _time(one.received_at), "event": one.event, "verdict": one.verdict}
                for one in generation.callbacks.order_by("id")
            ],
        },
        "film": _film(film_of(generation)),
        "events": [
            {
                "at": _time(event.at),
                "kind": event.kind,
                "from": event.from_state or None,
                "to": event.to_state or None,
                "message": event.message,
                "actor": names[event.actor],
                "request_id": event.request_id or None,
                "upstream_id": event.upstream_id or None,
            }
            for event in events
        ],
    }


def _shown(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body without the unguessable part of our own links, which open the image."""
    inputs = body["input"]
    if not inputs.get("image_urls"):
        return body
    images = [
        f"{settings.PUBLIC_URL}{UPLOAD_PATH}…" if uploaded_token(url) else url
        for url in inputs["image_urls"]
    ]
    return {**body, "input": {**inputs, "image_urls": images}}


def _entries(generation: Generation) -> Any:
    return (
        Transfer.objects.filter(hold=generation.hold_id)
        .select_related("debit_account", "credit_account")
        .order_by("id")
    )


def _entry(entry: Transfer, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "kind": entry.kind,
        "amount": entry.amount,
        "from": entry.debit_account.kind,
        "to": entry.credit_account.kind,
        "at": _time(entry.created_at),
        "actor": names[entry.actor],
        "request_id": entry.request_id or None,
        "reason": entry.reason,
    }


def _hold(generation: Generation) -> dict[str, Any]:
    hold = generation.hold
    return {
        "id": str(hold.pk),
        "amount": hold.amount,
        "settled": hold.settled,
        "released": hold.released,
        "adjusted": hold.adjusted,
        "created_at": _time(hold.created_at),
        "closed_at": _time(hold.closed_at),
        "windows": [
            {
                "scope": link.window.limit.subject_kind,
                "window": link.window.limit.window,
                "starts_at": _time(link.window.starts_at),
            }
            for link in hold.windows.select_related("window__limit").order_by("id")
        ],
    }


def _approval(approval: Approval, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "above": approval.above,
        "asked_at": _time(approval.asked_at),
        "decision": approval.decision,
        "decided_at": _time(approval.decided_at),
        "decided_by": names[approval.decided_by] or None,
        "reason": approval.reason,
    }


def _film(film: Film | None) -> dict[str, Any] | None:
    if film is None:
        return None
    return {
        "state": film.state,
        "kept_at": _time(film.kept_at),
        "size": film.size,
        "sha256": film.sha256 or None,
        "width": film.width,
        "height": film.height,
        "frames": film.frames,
        "has_audio": film.has_audio,
        "differs": film.differs or None,
        "problem": film.problem or None,
    }


def _time(moment: Any) -> int | None:
    return int(moment.timestamp()) if moment is not None else None
