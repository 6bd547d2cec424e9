"""Decide which queued generation goes out next, and let the queue decide how many at once.

The queue carries no generations, only "send the next one": whoever runs that claims the generation
that is next by then (`generations.dispatch.fair_queue`). So one person's five hundred
generations are five hundred rows and a few steps, and nobody waits behind them. A step that is lost
strands nothing: others send its generation, and the sweep adds steps while there is anything to
send.
"""

from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.authority import By
from generations.dispatch.fair_queue import Candidate, next_candidates
from generations.dispatch.send import post_generation
from generations.dispatch.steps import refill_sends, send_step
from generations.lifecycle import State
from generations.models import Generation, LastServed, ProviderKey
from generations.provider_keys import anything_due, in_flight, next_send_at
from generations.transitions import transition
from platform_site.clusters.queues import MAIN_QUEUE, settings_of
from platform_site.clusters.slots import slot

log = structlog.get_logger(__name__)
SYSTEM = By.system("submit")

# One worker of a cluster sweeps, and one carries webhooks and does all that is short.
NOT_SENDING = 2
# Others may be quicker each time; after so many looks they are many enough to do it.
_LOOKS = 20


def send_next() -> bool:
    """Claim the next generation and submit it; False when none can be sent now.

    Nor is any sent while enough of the cluster's workers send: one day all those posts hang, and
    what the vendor has finished must still be heard of, kept and told (P27).
    """
    with slot(among=_senders()) as free:
        generation = claim_next(now=timezone.now()) if free else None
        if generation is None:
            return False
        post_generation(generation)
    # The steps that came meanwhile found no slot.
    refill_sends(now=timezone.now(), most=1)
    return True


def claim_next(*, now: datetime) -> Generation | None:
    """Move the next generation to `submitting`; None when none can be sent (P26)."""
    for _ in range(_LOOKS):
        candidates = next_candidates(now=now, most=2)
        if not candidates:
            return None
        claimed = _claim(candidates[0], others_wait=len(candidates) > 1, now=now)
        if claimed is not None:
            return claimed
    log.info("claim_left_to_others")
    return None


def _senders() -> int:
    workers: int = settings_of(MAIN_QUEUE)["workers"]
    return max(1, workers - NOT_SENDING)


@transaction.atomic(durable=True)
def _claim(candidate: Candidate, *, others_wait: bool, now: datetime) -> Generation | None:
    """Claim this candidate, or the next one of its key, if the key may send and has room.

    The key's row is taken first, so claims with one key come one after another and each counts
    what the others took: its cap and its rate hold exactly, whoever races.
    """
    key_id = candidate.provider_key_id
    if not _take_key(key_id, now=now):
        return None
    generation = _still_queued(candidate)
    if generation is None:
        # Somebody took it since we looked; nobody can take what we see from here on.
        candidates = next_candidates(now=now, provider_key_id=key_id)
        generation = _still_queued(candidates[0]) if candidates else None
    if generation is None or in_flight(key_id) >= generation.provider_key.max_in_flight:
        return None
    claimed = transition(
        generation, State.SUBMITTING, by=SYSTEM, submitted_at=now, next_submit_at=None
    )
    if not claimed:
        return None
    _note_served(generation, now=now)
    _note_send(generation.provider_key, now=now)
    if others_wait or anything_due(key_id, now=now):
        # Before the POST, however long that takes: a free worker goes on meanwhile.
        send_step.enqueue_up_to(1)
    return generation


def _still_queued(candidate: Candidate) -> Generation | None:
    queued = Generation.objects.filter(pk=candidate.generation_id, state=State.QUEUED)
    return queued.select_related("provider_key", "team").first()


def _take_key(provider_key_id: int, *, now: datetime) -> bool:
    """Lock a key that may send now, to the end of the transaction; False when it may not."""
    may_send = Q(next_send_at=None) | Q(next_send_at__lte=now)
    keys = ProviderKey.objects.filter(may_send, pk=provider_key_id)
    sending = keys.exclude(state=ProviderKey.State.PAUSED)
    # The UPDATE is the lock; nothing but that is wanted of it.
    return bool(sending.update(next_send_at=F("next_send_at")))


def _note_send(key: ProviderKey, *, now: datetime) -> None:
    moved_on = next_send_at(
        key.next_send_at, per_minute=key.per_minute, failures=key.send_failures, now=now
    )
    if moved_on != key.next_send_at:
        ProviderKey.objects.filter(pk=key.pk).update(next_send_at=moved_on)


def _note_served(generation: Generation, *, now: datetime) -> None:
    served = LastServed(team=generation.team, user_id=generation.user_id, served_at=now)
    LastServed.objects.bulk_create(
        [served],
        update_conflicts=True,
        unique_fields=["team", "user"],
        update_fields=["served_at"],
    )
