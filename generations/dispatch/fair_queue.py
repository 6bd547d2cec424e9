"""Which queued generation goes out next, and where in line each stands.

A lane is what one person has queued with one provider key. The next generation is of the team with
the least in flight (of equals, the one whose turn is longest ago), of that team's generations first
those of the highest priority, of these the person's with the least in flight (again the longest
wait), and of that person's the oldest. Generations of keys that are paused, full or waiting are
passed over.

One static statement, the same on SQLite and PostgreSQL, reads it: it hops through the index
`generation_fair_queue` from lane to lane, so its cost grows with the lanes and not with the
generations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

_HEAD = "id, provider_key_id, team_id, user_id, priority, created_at"
_IN_LANES = "provider_key_id, team_id, user_id, priority DESC, created_at"

# Literal states: a planner proves by them that the partial indexes serve. SQLite starts a search by
# several columns at the first row that is not less, so `>` would read a whole lane only to skip it;
# and it searches by all of them only where the other side has no column's affinity: hence the `+`.
_HEADS = f"""
WITH RECURSIVE heads ({_HEAD}) AS (
  SELECT * FROM (
    SELECT {_HEAD} FROM generations_generation
    WHERE state = 'queued' AND next_submit_at <= %(now)s
      AND provider_key_id >= %(first_key)s AND provider_key_id <= %(last_key)s
    ORDER BY {_IN_LANES} LIMIT 1
  ) AS first_head
  UNION ALL
  SELECT job.id, job.provider_key_id, job.team_id, job.user_id, job.priority, job.created_at
  FROM heads JOIN generations_generation AS job ON job.id = (
    SELECT id FROM generations_generation
    WHERE state = 'queued' AND next_submit_at <= %(now)s
      AND (provider_key_id, team_id, user_id)
        >= (+heads.provider_key_id, +heads.team_id, heads.user_id + 1)
      AND provider_key_id <= %(last_key)s
    ORDER BY {_IN_LANES} LIMIT 1
  )
),
busy AS (
  SELECT provider_key_id, team_id, user_id, count(*) AS jobs FROM generations_generation
  WHERE state IN ('processing', 'submitting') GROUP BY provider_key_id, team_id, user_id
)
"""  # noqa: S608  # nothing but this module's own words
# Scalar subqueries, and no joins of sums: they are planned in a third of the time.
_NEXT = f"""
{_HEADS}
SELECT heads.id, heads.provider_key_id FROM heads
JOIN generations_providerkey AS pkey ON pkey.id = heads.provider_key_id
WHERE pkey.state <> 'paused' AND (pkey.next_send_at IS NULL OR pkey.next_send_at <= %(now)s)
  AND (SELECT coalesce(sum(jobs), 0) FROM busy WHERE busy.provider_key_id = pkey.id)
    < pkey.max_in_flight
ORDER BY
  (SELECT coalesce(sum(jobs), 0) FROM busy WHERE busy.team_id = heads.team_id),
  (SELECT max(served_at) FROM generations_lastserved AS turn
    WHERE turn.team_id = heads.team_id) NULLS FIRST,
  heads.team_id,
  heads.priority DESC,
  (SELECT coalesce(sum(jobs), 0) FROM busy
    WHERE busy.team_id = heads.team_id AND busy.user_id = heads.user_id),
  (SELECT served_at FROM generations_lastserved AS turn
    WHERE turn.team_id = heads.team_id AND turn.user_id = heads.user_id) NULLS FIRST,
  heads.created_at, heads.id
LIMIT %(most)s
"""  # noqa: S608
_ANY_KEY = (0, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A generation that may go out now, at the head of its lane."""

    generation_id: UUID
    provider_key_id: int


def next_candidates(
    *, now: datetime, provider_key_id: int | None = None, most: int = 1
) -> Sequence[Candidate]:
    """Return whose turn it is, then whose it would be, up to `most` lanes; empty when nobody's.

    With `provider_key_id` only that key's generations are looked at. Nothing is taken: another
    worker may read the same, and the claim decides.
    """
    first, last = (provider_key_id,) * 2 if provider_key_id is not None else _ANY_KEY
    at = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"now": at, "first_key": first, "last_key": last, "most": most})
        rows = cursor.fetchall()
    # SQLite knows no UUIDs, and hands out their digits.
    return [
        Candidate(generation if isinstance(generation, UUID) else UUID(generation), key)
        for generation, key in rows
    ]
