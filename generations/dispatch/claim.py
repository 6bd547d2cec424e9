"""Claim the queued generations that go out next, a group at a time.

A claim takes the rows of its keys first and passes over those that another claim has: so claims
with one key come one after another, each counts what the others took, and the key's cap and rate
hold exactly, whoever races. Which of the key's generations go out is decided after that
(`generations.dispatch.fair_choice`).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, takewhile
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from accounts.authority import By
from generations.dispatch.fair_choice import KeyRoom, PersonQueue, Shares, choose
from generations.dispatch.fair_queue import candidates_of, read_further
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from generations.transitions import transition_all

SYSTEM = By.system("submit")

# Static, as in `fair_queue`: for the ORM each claim would be another query to write.
_KEYS = """
SELECT * FROM generations_providerkey
WHERE state <> 'paused' AND (next_send_at IS NULL OR next_send_at <= %s) AND id IN ({ids})
ORDER BY id
"""
_SERVED = """
INSERT INTO generations_lastserved (team_id, user_id, served_at) VALUES {values}
ON CONFLICT (team_id, user_id) DO UPDATE SET served_at = excluded.served_at
"""


@transaction.atomic(durable=True)
def claim_group(
    of_key: Mapping[int, int], *, of_endpoint: Mapping[str, int], most: int, now: datetime
) -> list[Generation]:
    """Move up to `most` generations to `submitting`, and return them in their order (P26).

    Only those of the keys named are looked at: `of_key` and `of_endpoint` have how many each key
    and each endpoint takes. Each has its `provider_key` as it was when it was claimed.
    """
    taken = _take_keys(of_key, now=now) if of_key else {}
    if not taken:
        return []
    queues, shares, in_flight = candidates_of(taken, now=now)
    rooms = {
        pk: KeyRoom(
            key.endpoint,
            free=min(of_key[pk], key.max_in_flight - in_flight.get(pk, 0)),
            per_minute=key.per_minute,
            failures=key.send_failures,
            next_send_at=key.next_send_at,
        )
        for pk, key in taken.items()
    }
    endpoints = {room.endpoint: of_endpoint.get(room.endpoint, 0) for room in rooms.values()}
    ids = _choose_ids(queues, rooms, shares, of_endpoint=endpoints, most=most, now=now)
    claimed = transition_all(
        ids, State.QUEUED, State.SUBMITTING, by=SYSTEM, submitted_at=now, next_submit_at=None
    )
    for generation in claimed:
        generation.provider_key = taken[generation.provider_key_id]
        rooms[generation.provider_key_id].send(now)
    _note_served(claimed, now=now)
    for pk, room in rooms.items():
        if room.next_send_at != taken[pk].next_send_at:
            ProviderKey.objects.filter(pk=pk).update(next_send_at=room.next_send_at)
    return claimed


def _take_keys(keys: Collection[int], *, now: datetime) -> dict[int, ProviderKey]:
    """Lock the keys that may send now and that nobody else has, to the end of the transaction."""
    # An id must not wait for somebody else's claim to be written; and in one order, so that two
    # never wait for each other. On SQLite the transaction has all locks.
    lock = " FOR NO KEY UPDATE SKIP LOCKED" if connection.features.has_select_for_update else ""
    sql = _KEYS.format(ids=", ".join(["%s"] * len(keys))) + lock
    at = connection.ops.adapt_datetimefield_value(now)
    return {key.pk: key for key in ProviderKey.objects.raw(sql, [at, *keys])}


def _choose_ids(
    queues: Sequence[PersonQueue],
    rooms: Mapping[int, KeyRoom],
    shares: Shares,
    *,
    of_endpoint: Mapping[str, int],
    most: int,
    now: datetime,
) -> list[UUID]:
    """Return the ids of up to `most` generations that go out now, in their order."""
    decide: dict[str, Any] = {"of_endpoint": of_endpoint, "most": most, "now": now}
    order = list(choose(queues, rooms, shares, **decide))
    # As if everybody had enough queued: nobody gets more than this, and so much is read of theirs.
    counts = Counter(chosen.queue for chosen in order)
    several = [number for number, count in counts.items() if count > 1]
    if several:
        further = read_further([(queues[number], counts[number]) for number in several], now=now)
        known = dict(enumerate(queues)) | dict(zip(several, further, strict=True))
        queues = list(known.values())
        order = list(
            takewhile(
                lambda chosen: chosen.nth < len(queues[chosen.queue].first),
                choose(queues, rooms, shares, **decide),
            )
        )
    ids = [queues[chosen.queue].first[chosen.nth].id for chosen in order]
    # SQLite knows no UUIDs, and hands out their digits.
    return [one if isinstance(one, UUID) else UUID(one) for one in ids]


def _note_served(claimed: Sequence[Generation], *, now: datetime) -> None:
    """Write down when each person was served, the order within the group included."""
    served = {
        (one.team_id, one.user_id): now + timedelta(microseconds=number)
        for number, one in enumerate(claimed)
    }
    if not served:
        return
    # In one order: a person may have queues with two keys, which two claims have.
    rows = [
        (*person, connection.ops.adapt_datetimefield_value(at))
        for person, at in sorted(served.items())
    ]
    values = ", ".join(["(%s, %s, %s)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(_SERVED.format(values=values), [*chain(*rows)])
