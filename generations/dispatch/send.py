"""Submit a claimed generation to the vendor, so that it is never paid twice (P21, P22, P23).

Its claim is committed as `submitting`; then comes the POST; then the vendor's id is committed in
a transaction of its own. Whatever dies in between leaves a `submitting` row, which is never sent
again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Unpack

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.authority import By
from generations.dispatch.cancel import cancel_if_requested
from generations.dispatch.submit_unknown import POST_WITHIN, mark_unclear
from generations.lifecycle import Ending, Money, State
from generations.models import Generation, ProviderKey
from generations.polling import first_poll_at
from generations.provider_keys import client_for, hold_back_key, note_key_works, pause_refused_key
from generations.review import adopt_task
from generations.transitions import Changes, end_generation, transition
from generations.vendors import (
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUnclear,
    RefusalKind,
)
from platform_site.backoff import Backoff
from platform_site.http.addresses import is_within_reach

log = structlog.get_logger(__name__)
SYSTEM = By.system("submit")

MAX_VENDOR_FAILURES = 5
# One generation waits, and others of its key go on.
_BACKOFF = Backoff(first=timedelta(seconds=1), last=timedelta(seconds=8))


@dataclass(frozen=True, slots=True)
class PostResult:
    """What came of one POST: the provider's id, the error that there is instead, or that it was
    `late` and nothing was sent.
    """

    generation: Generation
    upstream_id: str = ""
    error: ProviderError | None = None
    late: bool = False


def post(generation: Generation) -> PostResult:
    """Submit a generation that the caller has claimed. Needs no database: any thread may do it."""
    if generation.submitted_at is None or timezone.now() - generation.submitted_at > POST_WITHIN:
        return PostResult(generation, late=True)
    try:
        client = client_for(generation.provider_key)
        return PostResult(generation, client.create_task(body_to_submit(generation)))
    except ProviderError as error:
        return PostResult(generation, error=error)


def record_post(result: PostResult) -> None:
    """Act on what came of a POST.

    What says something about the key and not about the generation holds the key back as a whole.
    """
    generation, key = result.generation, result.generation.provider_key
    match result.error:
        case None if result.late:
            held_up = "Its worker was held up before it could send it. Nothing was sent."
            _requeue(generation, held_up)
        case None:
            record_acceptance(generation, result.upstream_id, now=timezone.now())
            note_key_works(key, now=timezone.now())
        case ProviderUnavailable() as error:
            hold_back_key(key, reason=error.message, now=timezone.now())
            _requeue(generation, f"{error.message} Nothing was sent.")
        case ProviderRefused() as refusal:
            _handle_refusal(generation, refusal)
        case ProviderUnclear() as error:
            if error.named_task:
                _shout(generation, error.named_task)
            # Or a vendor that is ill would send a whole queue to review, one by one.
            hold_back_key(key, reason=error.message, now=timezone.now())
            mark_unclear(generation, error)


def body_to_submit(generation: Generation) -> dict[str, object]:
    """Return what is posted: the admitted body and, if the vendor can reach us, where to call."""
    if not is_within_reach(settings.PUBLIC_URL, of=generation.provider_key.endpoint):
        return {**generation.body}
    callback = f"{settings.PUBLIC_URL}/callbacks/{generation.callback_token}"
    return {**generation.body, "callback_url": callback}


def record_acceptance(generation: Generation, upstream_id: str, *, now: datetime) -> bool:
    """Commit the vendor's id in a transaction of its own; shout with the id if that fails (P21).

    Returns False when somebody but a reviewer ended the generation meanwhile: the vendor works for
    nobody.
    """
    changes: Changes = {
        "upstream_id": upstream_id,
        "accepted_at": now,
        "next_poll_at": first_poll_at(now),
        "poll_failures": 0,
    }
    try:
        done = transition(generation, State.PROCESSING, by=SYSTEM, **changes)
        if not done:
            # The sweep thought us dead and asked for a review, which a person may have decided: the
            # vendor's own answer goes beyond both.
            generation.refresh_from_db()
            done = adopt_task(generation, upstream_id, by=SYSTEM, now=now)
    except Exception:
        _shout(generation, upstream_id)
        raise
    if not done:
        _shout(generation, upstream_id)
    return done


def _shout(generation: Generation, upstream_id: str) -> None:
    """Leave the id where an operator finds it: it may be the only trace of a paid task."""
    log.critical("upstream_id_not_saved", generation_id=str(generation.id), upstream_id=upstream_id)


def _handle_refusal(generation: Generation, refusal: ProviderRefused) -> None:
    key = generation.provider_key
    words = f"{refusal.code}: {refusal.message}"
    reason = f"The vendor refused: {words}"
    attempts = generation.submit_attempts + 1
    match refusal.kind:
        case RefusalKind.KEY if key.state != ProviderKey.State.SEALED:
            pause_refused_key(key, refusal)
            _requeue(generation, reason)
        case RefusalKind.TOO_FAST:
            hold_back_key(key, reason=words, now=timezone.now())
            _requeue(generation, reason)
        case RefusalKind.PASSING if attempts < MAX_VENDOR_FAILURES:
            wait = _BACKOFF.after(attempts)
            _requeue(generation, reason, wait=wait, submit_attempts=attempts)
        case _:
            _fail(generation, refusal, reason)


def _requeue(
    generation: Generation,
    reason: str,
    *,
    wait: timedelta = timedelta(0),
    **changes: Unpack[Changes],
) -> None:
    """Queue again, due after `wait`.

    What a person asked to cancel meanwhile is cancelled instead (P16).
    """
    now = timezone.now()
    changes = {**changes, "submitted_at": None, "next_submit_at": now + wait}
    with transaction.atomic():
        requeued = transition(generation, State.QUEUED, by=SYSTEM, message=reason, **changes)
        if requeued:
            cancel_if_requested(generation, now=now)


def _fail(generation: Generation, refusal: ProviderRefused, reason: str) -> None:
    end_generation(
        generation,
        Ending.MODERATED if refusal.kind == RefusalKind.CONTENT else Ending.REFUSED,
        money=Money.RELEASE,
        by=SYSTEM,
        now=timezone.now(),
        message=reason,
        error_code=refusal.code,
        error_message=refusal.message,
    )
