"""The fair queue: what the database says of who waits and of who may be sent.

A person's queue is what they have queued with one provider key in one team; its first generation
is the oldest of the highest priority. All statements are the same on SQLite and PostgreSQL, and hop
through the index `generation_fair_queue` from queue to queue: their cost grows with the people who
wait and not with the generations. Who goes first is decided by `generations.dispatch.fair_choice`.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from generations.dispatch.fair_choice import PersonQueue, Queued, Shares

_ROW = "id, provider_key_id, team_id, user_id, priority, created_at"
_BY_PERSON = "provider_key_id, team_id, user_id, priority DESC, created_at"
# Literal states: a planner proves by them that the partial indexes serve.
_DUE = "state = 'queued' AND next_submit_at <= %(now)s"

_SENDABLE = f"""
WITH RECURSIVE waiting (provider_key_id) AS (
  SELECT CAST(0 AS bigint)
  UNION ALL
  SELECT later.provider_key_id
  FROM waiting JOIN generations_generation AS later ON later.id = (
    SELECT id FROM generations_generation
    WHERE {_DUE} AND provider_key_id > waiting.provider_key_id
    ORDER BY {_BY_PERSON} LIMIT 1
  )
)
SELECT pkey.id, pkey.endpoint
FROM waiting JOIN generations_providerkey AS pkey ON pkey.id = waiting.provider_key_id
WHERE pkey.state <> 'paused' AND (pkey.next_send_at IS NULL OR pkey.next_send_at <= %(now)s)
  AND (SELECT count(*) FROM generations_generation AS busy
    WHERE busy.state IN ('processing', 'submitting') AND busy.provider_key_id = pkey.id)
    < pkey.max_in_flight
"""  # noqa: S608  # nothing but this module's own words
# SQLite starts a search by several columns at the first row that is not less, so `>` would read all
# rows of a person only to skip them; and it searches by all columns only where the other side has
# no column's affinity: hence the `+`.
_CANDIDATES = f"""
WITH RECURSIVE candidates ({_ROW}) AS (
  SELECT * FROM (
    SELECT {_ROW} FROM generations_generation
    WHERE {_DUE} AND provider_key_id >= %(first_key)s AND provider_key_id <= %(last_key)s
    ORDER BY {_BY_PERSON} LIMIT 1
  ) AS first_candidate
  UNION ALL
  SELECT later.id, later.provider_key_id, later.team_id, later.user_id, later.priority,
    later.created_at
  FROM candidates JOIN generations_generation AS later ON later.id = (
    SELECT id FROM generations_generation
    WHERE {_DUE}
      AND (provider_key_id, team_id, user_id)
        >= (+candidates.provider_key_id, +candidates.team_id, candidates.user_id + 1)
      AND provider_key_id <= %(last_key)s
    ORDER BY {_BY_PERSON} LIMIT 1
  )
),
busy AS (
  SELECT provider_key_id, team_id, user_id, count(*) AS in_flight FROM generations_generation
  WHERE state IN ('processing', 'submitting') GROUP BY provider_key_id, team_id, user_id
)
SELECT {_ROW},
  (SELECT coalesce(sum(in_flight), 0) FROM busy
    WHERE busy.provider_key_id = candidates.provider_key_id),
  (SELECT coalesce(sum(in_flight), 0) FROM busy WHERE busy.team_id = candidates.team_id),
  (SELECT coalesce(sum(in_flight), 0) FROM busy
    WHERE busy.team_id = candidates.team_id AND busy.user_id = candidates.user_id),
  (SELECT max(served_at) FROM generations_lastserved AS served
    WHERE served.team_id = candidates.team_id),
  (SELECT served_at FROM generations_lastserved AS served
    WHERE served.team_id = candidates.team_id AND served.user_id = candidates.user_id)
FROM candidates
"""  # noqa: S608
_OF_PERSON = f"""
SELECT * FROM (
  SELECT {_ROW} FROM generations_generation
  WHERE state = 'queued' AND next_submit_at <= %s
    AND provider_key_id = %s AND team_id = %s AND user_id = %s
  ORDER BY {_BY_PERSON} LIMIT %s
) AS person_{{number}}
"""  # noqa: S608


class Candidates(NamedTuple):
    """The queues of people, of each its first generation; and what decides among them."""

    queues: list[PersonQueue]
    shares: Shares
    in_flight: Mapping[int, int]  # by key, for those that have a queue


def sendable_keys(now: datetime) -> dict[int, str]:
    """Return the keys with which something can be sent at `now`, with their endpoints.

    Those that are paused, full or waiting are left out. Nothing is taken, and the claim decides.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SENDABLE, {"now": _adapted(now)})
        return dict(cursor.fetchall())


def candidates_of(keys: Collection[int], *, now: datetime) -> Candidates:
    """Return the first due generation of each person's queue with one of the `keys`."""
    parameters = {"now": _adapted(now), "first_key": min(keys), "last_key": max(keys)}
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES, parameters)
        rows = [row for row in cursor.fetchall() if row[1] in keys]
    queues, shares, in_flight = [], Shares(), Counter[int]()
    for row in rows:
        (key, team, user), known = row[1:4], row[6:]
        queues.append(PersonQueue(key, team, user, [_queued(row)]))
        in_flight[key] = int(known[0])
        shares.note(team, in_flight=int(known[1]), served=known[3])
        shares.note((team, user), in_flight=int(known[2]), served=known[4])
    return Candidates(queues, shares, in_flight)


def read_further(counts: Sequence[tuple[PersonQueue, int]], *, now: datetime) -> list[PersonQueue]:
    """Return these queues with their first due generations: so many of each as its count says."""
    parameters: list[Any] = []
    for queue, count in counts:
        parameters += [_adapted(now), *queue.owner, count]
    sql = " UNION ALL ".join(_OF_PERSON.format(number=number) for number in range(len(counts)))
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows = cursor.fetchall()
    found: dict[tuple[int, int, int], list[Queued]] = {queue.owner: [] for queue, _ in counts}
    for row in rows:
        found[row[1:4]].append(_queued(row))
    return [
        PersonQueue(*queue.owner, found[queue.owner], has_more=len(found[queue.owner]) == count)
        for queue, count in counts
    ]


def _queued(row: Sequence[Any]) -> Queued:
    return Queued(row[0], row[4], row[5])


def _adapted(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
