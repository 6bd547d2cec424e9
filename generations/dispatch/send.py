"""Submit a claimed generation to the vendor, so that it is never paid twice (P21, P22, P23).

Its claim is committed as `submitting`; then comes the POST; then the vendor's id is committed in
a transaction of its own. Whatever dies in between leaves a `submitting` row, which is never sent
again.
"""

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


def post_generation(generation: Generation) -> None:
    """Submit a generation that the caller has claimed, and act on the vendor's answer.

    What says something about the key and not about the generation holds the key back as a whole.
    """
    key = generation.provider_key
    if generation.submitted_at is None or timezone.now() - generation.submitted_at > POST_WITHIN:
        _requeue(generation, "Its worker was held up before it could send it. Nothing was sent.")
        return
    try:
        upstream_id = client_for(key).create_task(body_to_submit(generation))
    except ProviderUnavailable as error:
        hold_back_key(key, reason=error.message, now=timezone.now())
        _requeue(generation, f"{error.message} Nothing was sent.")
    except ProviderRefused as refusal:
        _handle_refusal(generation, refusal)
    except ProviderUnclear as error:
        if error.named_task:
            _shout(generation, error.named_task)
        # Or a vendor that is ill would send a whole queue to review, one by one.
        hold_back_key(key, reason=error.message, now=timezone.now())
        mark_unclear(generation, error)
    else:
        record_acceptance(generation, upstream_id, now=timezone.now())
        note_key_works(key, now=timezone.now())


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
