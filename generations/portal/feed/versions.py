"""What a page shows, as a version that differs as soon as anything of it does.

One statement reads it, whatever the page. It takes sums, counts and maxima where they are kept for
other reasons: of transfers the accounts' sums, which only grow; of everything that happens to a
generation its events. Ids are summed instead of looked at for the highest, because transactions
may commit in another order than they took their ids.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import UUIDField

from accounts.models import Membership
from accounts.roles import Permission
from accounts.selectors import require
from platform_site.errors import NotFound

# What changed less long ago than this changes again soon: older ones may be stuck.
FRESH = timedelta(minutes=15)
# An attempt that is due so soon is awaited.
SOON = timedelta(seconds=12)
# Ended ones whose changes are seen: more than a page of them, which also passes over some.
NEWEST_ENDED = 48

_OPEN = "('awaiting_approval', 'queued', 'submitting', 'processing', 'needs_review')"

_HEADER = """
  (SELECT sum(debits) FROM billing_account WHERE team_id = %(team)s) AS debits,
  (SELECT count(*) FROM accounts_notice
    WHERE team_id = %(team)s AND id > %(read_to)s) AS notices,
  (SELECT count(*) FROM generations_generation
    WHERE team_id = %(team)s AND state = 'awaiting_approval') AS waiting,
  (SELECT count(*) FROM generations_generation
    WHERE team_id = %(team)s AND state = 'needs_review') AS reviews,
  (SELECT count(*) FROM generations_generation
    WHERE team_id = %(team)s AND state = 'needs_review' AND user_id = %(user)s) AS own_reviews
"""

_KEYS = """
  (SELECT count(*) AS keys, sum(CASE WHEN state = 'paused' THEN id ELSE 0 END) AS paused,
    sum(max_in_flight) AS slots, sum(per_minute) AS per_minute
  FROM generations_providerkey WHERE team_id = %(team)s AND state <> 'sealed') AS keys
"""

_STUDIO = f"""
SELECT {_HEADER}, active.*, saving.*, keys.*, ended.*
FROM
  (SELECT count(*) AS events, sum(event.id) AS event_ids, count(DISTINCT generation.id) AS open,
    count(DISTINCT CASE WHEN state = 'queued' THEN generation.id END) AS queued,
    count(DISTINCT CASE
      WHEN state = 'submitting' THEN generation.id
      WHEN state = 'processing' AND accepted_at > %(fresh)s THEN generation.id
      WHEN state = 'queued' AND created_at > %(fresh)s AND NOT EXISTS (
        SELECT 1 FROM generations_providerkey AS pkey
        WHERE pkey.id = generation.provider_key_id AND pkey.state = 'paused')
      THEN generation.id END) AS fresh
  FROM generations_generation AS generation
  LEFT JOIN generations_generationevent AS event ON event.generation_id = generation.id
  WHERE generation.team_id = %(team)s AND generation.state IN {_OPEN}) AS active,
  (SELECT count(*) AS films, sum(attempts) AS attempts, sum(failures) AS failures,
    sum(length(problem)) AS problems,
    sum(CASE WHEN film.created_at > %(fresh)s THEN 1 ELSE 0 END) AS fresh_films
  FROM generations_film AS film
  JOIN generations_generation AS generation ON generation.id = film.generation_id
  WHERE film.state = 'pending' AND generation.team_id = %(team)s) AS saving,
  {_KEYS},
  (SELECT count(*) AS ended_events, sum(event.id) AS ended_event_ids,
    sum(length(stored.small_poster_name) + length(stored.preview_name)) AS ended_previews
  FROM (SELECT id FROM generations_generation
    WHERE team_id = %(team)s AND state IN ('completed', 'failed', 'cancelled')
    ORDER BY created_at DESC, id DESC LIMIT {NEWEST_ENDED}) AS newest
  JOIN generations_generationevent AS event ON event.generation_id = newest.id
  LEFT JOIN generations_film AS film ON film.generation_id = newest.id
  LEFT JOIN generations_storedfile AS stored ON stored.id = film.stored_id) AS ended
"""  # noqa: S608

_FILM = f"""
SELECT {_HEADER}, generation.state, generation.favourite,
  CASE generation.state WHEN 'processing' THEN accepted_at > %(fresh)s
    WHEN 'queued' THEN generation.created_at > %(fresh)s
    WHEN 'submitting' THEN 1 = 1
    ELSE film.state = 'pending' AND film.created_at > %(fresh)s END AS is_fresh,
  film.state AS film_state, film.attempts, film.failures, film.problem, pkey.state AS key_state,
  rule.days, rule.set_at, rule.keep_favourites,
  (SELECT count(*) FROM generations_generationevent AS event
    WHERE event.generation_id = generation.id) AS events,
  (SELECT sum(id) FROM generations_generationevent AS event
    WHERE event.generation_id = generation.id) AS event_ids,
  (SELECT count(*) FROM generations_generation AS retry
    WHERE retry.retry_of_id = generation.id) AS retries,
  (SELECT count(*) FROM accounts_webhookdelivery AS delivery
    WHERE delivery.subject_id = %(subject)s AND delivery.team_id = %(team)s) AS deliveries,
  (SELECT sum(attempts * 4 + CASE state WHEN 'pending' THEN 0 WHEN 'delivered' THEN 1 ELSE 2 END)
    FROM accounts_webhookdelivery AS delivery
    WHERE delivery.subject_id = %(subject)s AND delivery.team_id = %(team)s) AS delivery_attempts,
  CASE WHEN generation.state = 'queued' THEN (
    SELECT count(DISTINCT other.id) + coalesce(sum(event.id), 0)
    FROM generations_generation AS other
    LEFT JOIN generations_generationevent AS event ON event.generation_id = other.id
    WHERE other.team_id = %(team)s AND other.state IN {_OPEN}) END AS queue
FROM generations_generation AS generation
JOIN generations_providerkey AS pkey ON pkey.id = generation.provider_key_id
LEFT JOIN generations_film AS film ON film.generation_id = generation.id
LEFT JOIN generations_retentionrule AS rule ON rule.team_id = generation.team_id
WHERE generation.id = %(row)s AND generation.team_id = %(team)s
"""  # noqa: S608

_DELIVERY = f"""
SELECT {_HEADER}, delivery.state, delivery.attempts, delivery.next_attempt_at,
  CASE WHEN delivery.claimed_until > %(now)s THEN 1 ELSE 0 END AS is_claimed,
  CASE WHEN delivery.claimed_until > %(now)s OR delivery.next_attempt_at <= %(soon)s
    THEN 1 ELSE 0 END AS is_due,
  endpoint.enabled, endpoint.removed_at
FROM accounts_webhookdelivery AS delivery
LEFT JOIN accounts_webhookendpoint AS endpoint ON endpoint.id = delivery.endpoint_id
WHERE delivery.id = %(row)s AND delivery.team_id = %(team)s
"""  # noqa: S608


class Kind(StrEnum):
    """What a page shows beside its header."""

    HEADER = "header"  # nothing
    STUDIO = "studio"
    FILM = "film"
    DELIVERY = "delivery"


class Part(StrEnum):
    """A part of a page that is sent when it changes."""

    HEADER = "header"
    ACTIVE = "active"
    SHEET = "sheet"
    FILM = "film"
    DELIVERY = "delivery"


_PARTS = {
    Kind.HEADER: (Part.HEADER,),
    Kind.STUDIO: (Part.HEADER, Part.ACTIVE, Part.SHEET),
    Kind.FILM: (Part.HEADER, Part.FILM),
    Kind.DELIVERY: (Part.HEADER, Part.DELIVERY),
}
_STATEMENTS = {
    Kind.HEADER: f"SELECT {_HEADER}",
    Kind.STUDIO: _STUDIO,
    Kind.FILM: _FILM,
    Kind.DELIVERY: _DELIVERY,
}
_UUIDS = UUIDField()
_HEADER_FACTS = ("debits", "notices", "waiting", "reviews", "own_reviews")
# How long to wait for the next look, which nobody sees.
_FRESH_FACTS = ("fresh", "fresh_films", "is_fresh", "is_due")
_ENDED_FACTS = ("ended_events", "ended_event_ids", "ended_previews")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows: the studio with so many rows of what is in progress, or one film or
    webhook delivery, by the id of its generation or its own.
    """

    kind: Kind = Kind.HEADER
    rows: int = 0
    row_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """The versions of a page's parts, and whether they are about to change.

    `is_live` when something was sent or finished a short while ago; `is_open` when something has
    not ended, though it may take hours.
    """

    parts: Mapping[Part, str]
    is_live: bool = False
    is_open: bool = False

    @property
    def etag(self) -> str:
        """Return the entity tag of all parts."""
        return f'"{".".join(self.parts.values())}"'

    def changed_since(self, etags: str) -> frozenset[Part]:
        """Return the parts that differ from those of an `If-None-Match` header: all of an unknown
        one.
        """
        known = etags.strip().removeprefix("W/").strip('"').split(".")
        if len(known) != len(self.parts):
            return frozenset(self.parts)
        pairs = zip(self.parts.items(), known, strict=True)
        return frozenset(part for (part, version), before in pairs if version != before)


def version_of(membership: Membership, shown: Shown, *, now: datetime) -> Version:
    """Return the version of what a member's page shows, by one query.

    Only in the member's team: raises `NotFound` alike for others' rows and unknown ones. Deliveries
    are for who manages the team's keys; raises `PermissionDenied`.
    """
    if shown.kind == Kind.DELIVERY:
        require(membership, Permission.TEAM_KEYS)
    facts = _facts_of(membership, shown, now=now)
    row = (shown.row_id, *_of(facts, facts.keys() - {*_HEADER_FACTS, *_FRESH_FACTS}))
    by_part = {
        Part.HEADER: (membership.role, membership.notices_read_to, *_of(facts, _HEADER_FACTS)),
        Part.ACTIVE: (
            shown.rows,
            *_of(facts, facts.keys() - {*_HEADER_FACTS, *_ENDED_FACTS, *_FRESH_FACTS}),
        ),
        Part.SHEET: _of(facts, _ENDED_FACTS),
        Part.FILM: row,
        Part.DELIVERY: row,
    }
    about = (membership.pk, membership.role)
    return Version(
        parts={part: _digest((part, about, *by_part[part])) for part in _PARTS[shown.kind]},
        is_live=any(facts.get(name) for name in _FRESH_FACTS),
        is_open=any(facts.get(name) for name in ("open", "films")),
    )


def _facts_of(membership: Membership, shown: Shown, *, now: datetime) -> dict[str, Any]:
    """Return what the statement reads, by the names of its columns."""
    asked = {
        "team": membership.team_id,
        "user": membership.user_id,
        "read_to": membership.notices_read_to,
        "fresh": connection.ops.adapt_datetimefield_value(now - FRESH),
        "now": connection.ops.adapt_datetimefield_value(now),
        "soon": connection.ops.adapt_datetimefield_value(now + SOON),
        "row": _UUIDS.get_db_prep_value(shown.row_id, connection),
        "subject": str(shown.row_id),
    }
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENTS[shown.kind], asked)
        row = cursor.fetchone()
        names = [column[0] for column in cursor.description]
    if row is None:
        raise NotFound
    facts = dict(zip(names, row, strict=True))
    if facts.get("queued") or facts.get("state") in ("queued", "pending"):
        # When a queued one starts, or the next attempt is made, is said in minutes.
        facts["minute"] = int(now.timestamp()) // 60
    return facts


def _of(facts: Mapping[str, Any], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    # As text: a sum is a Decimal here and an int there.
    return ((name, str(facts.get(name))) for name in sorted(names))


def _digest(facts: tuple[Any, ...]) -> str:
    return blake2b(repr(facts).encode(), digest_size=6).hexdigest()
