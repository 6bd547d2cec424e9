"""The queue as its lanes: which job goes out next, and where in line each stands.

A lane is what one person has queued with one provider key. The next job is of the team with the
least in flight (of equals, the one whose turn is longest ago), of that team's jobs first those of
the highest priority, of these the person's with the least in flight (again the longest wait), and
of that person's the oldest. Jobs of keys that are paused, full or waiting are passed over.

One static statement, the same on SQLite and PostgreSQL, reads it: it hops through the index
`generation_lane` from lane to lane, so its cost grows with the lanes and not with the jobs.
"""

from datetime import datetime
from uuid import UUID

from django.db import connection

_HEAD = "id, provider_key_id, team_id, user_id, priority, created_at"
_IN_LANES = "provider_key_id, team_id, user_id, priority DESC, created_at"

# Literal states: a planner proves by them that the partial indexes serve.
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
        > (heads.provider_key_id, heads.team_id, heads.user_id)
      AND provider_key_id <= %(last_key)s
    ORDER BY {_IN_LANES} LIMIT 1
  )
),
busy AS (
  SELECT provider_key_id, team_id, user_id, count(*) AS jobs FROM generations_generation
  WHERE state IN ('processing', 'submitting') GROUP BY provider_key_id, team_id, user_id
),
busy_keys AS (SELECT provider_key_id, sum(jobs) AS jobs FROM busy GROUP BY provider_key_id),
busy_teams AS (SELECT team_id, sum(jobs) AS jobs FROM busy GROUP BY team_id),
busy_people AS (SELECT team_id, user_id, sum(jobs) AS jobs FROM busy GROUP BY team_id, user_id),
team_turns AS (
  SELECT team_id, max(taken_at) AS taken_at FROM generations_sendingturn GROUP BY team_id
)
"""  # noqa: S608  # nothing but this module's own words
_NEXT = f"""
{_HEADS}
SELECT heads.id, heads.provider_key_id FROM heads
JOIN generations_providerkey AS pkey ON pkey.id = heads.provider_key_id
LEFT JOIN busy_keys ON busy_keys.provider_key_id = heads.provider_key_id
LEFT JOIN busy_teams ON busy_teams.team_id = heads.team_id
LEFT JOIN busy_people
  ON busy_people.team_id = heads.team_id AND busy_people.user_id = heads.user_id
LEFT JOIN team_turns ON team_turns.team_id = heads.team_id
LEFT JOIN generations_sendingturn AS turn
  ON turn.team_id = heads.team_id AND turn.user_id = heads.user_id
WHERE pkey.state <> 'paused' AND (pkey.next_send_at IS NULL OR pkey.next_send_at <= %(now)s)
  AND coalesce(busy_keys.jobs, 0) < pkey.max_in_flight
ORDER BY
  coalesce(busy_teams.jobs, 0), team_turns.taken_at NULLS FIRST, heads.team_id,
  heads.priority DESC,
  coalesce(busy_people.jobs, 0), turn.taken_at NULLS FIRST, heads.created_at, heads.id
LIMIT 1
"""  # noqa: S608
_ANY_KEY = (0, 2**63 - 1)


def next_job(*, now: datetime, provider_key_id: int | None = None) -> tuple[UUID, int] | None:
    """Return whose turn it is, as the ids of the job and of its key, None with nothing sendable.

    With `provider_key_id` only that key's jobs are looked at. Nothing is taken: another worker may
    read the same, and the claim decides.
    """
    first, last = (provider_key_id,) * 2 if provider_key_id is not None else _ANY_KEY
    adapted = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"now": adapted, "first_key": first, "last_key": last})
        row = cursor.fetchone()
    if row is None:
        return None
    job_id, key_id = row
    return (job_id if isinstance(job_id, UUID) else UUID(job_id)), key_id
