"""The fair queue: which generation goes out next.

Each person has at most one candidate a team and provider key: of what they have queued there, the
oldest of the highest priority. The next generation is a candidate of the team with the least in
flight (of equals, the one served longest ago), of that team's candidates one of the highest
priority, of these the person's with the least in flight (again the one served longest ago).
Candidates of keys that are paused, full or waiting are passed over.

One static statement, the same on SQLite and PostgreSQL, reads it: it hops through the index
`generation_fair_queue` from candidate to candidate, so its cost grows with the people who wait and
not with the generations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

_COLUMNS = "id, provider_key_id, team_id, user_id, priority, created_at"
_BY_PERSON = "provider_key_id, team_id, user_id, priority DESC, created_at"

# Literal states: a planner proves by them that the partial indexes serve. SQLite starts a search by
# several columns at the first row that is not less, so `>` would read all rows of a person only to
# skip them; and it searches by all columns only where the other side has no column's affinity:
# hence the `+`.
_CANDIDATES = f"""
WITH RECURSIVE candidates ({_COLUMNS}) AS (
  SELECT * FROM (
    SELECT {_COLUMNS} FROM generations_generation
    WHERE state = 'queued' AND next_submit_at <= %(now)s
      AND provider_key_id >= %(first_key)s AND provider_key_id <= %(last_key)s
    ORDER BY {_BY_PERSON} LIMIT 1
  ) AS first_candidate
  UNION ALL
  SELECT later.id, later.provider_key_id, later.team_id, later.user_id, later.priority,
    later.created_at
  FROM candidates JOIN generations_generation AS later ON later.id = (
    SELECT id FROM generations_generation
    WHERE state = 'queued' AND next_submit_at <= %(now)s
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
"""  # noqa: S608  # nothing but this module's own words
# Scalar subqueries, and no joins of sums: they are planned in a third of the time.
_NEXT = f"""
{_CANDIDATES}
SELECT candidates.id, candidates.provider_key_id FROM candidates
JOIN generations_providerkey AS pkey ON pkey.id = candidates.provider_key_id
WHERE pkey.state <> 'paused' AND (pkey.next_send_at IS NULL OR pkey.next_send_at <= %(now)s)
  AND (SELECT coalesce(sum(in_flight), 0) FROM busy WHERE busy.provider_key_id = pkey.id)
    < pkey.max_in_flight
ORDER BY
  (SELECT coalesce(sum(in_flight), 0) FROM busy WHERE busy.team_id = candidates.team_id),
  (SELECT max(served_at) FROM generations_lastserved AS served
    WHERE served.team_id = candidates.team_id) NULLS FIRST,
  candidates.team_id,
  candidates.priority DESC,
  (SELECT coalesce(sum(in_flight), 0) FROM busy
    WHERE busy.team_id = candidates.team_id AND busy.user_id = candidates.user_id),
  (SELECT served_at FROM generations_lastserved AS served
    WHERE served.team_id = candidates.team_id AND served.user_id = candidates.user_id) NULLS FIRST,
  candidates.created_at, candidates.id
LIMIT %(most)s
"""  # noqa: S608
_ANY_KEY = (0, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A generation that may go out now, its person's next with this key."""

    generation_id: UUID
    provider_key_id: int


def next_candidates(
    *, now: datetime, provider_key_id: int | None = None, most: int = 1
) -> Sequence[Candidate]:
    """Return who goes next, then who would, up to `most` candidates; empty when none may be sent.

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
