"""Fill an installed site's PostgreSQL database with many generations, and books that balance.

The product makes one kept film and one generation in progress; both are copied by a statement a
table, with ids, times and owners of their own. Columns that are not named here keep what the
product wrote, so that a new column needs no word here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.sites.databases import PostgresSite

TEAMS = 500  # the demo team is one of them
DEMO_SHARE = 5  # one in so many is the demo team's
IN_FLIGHT_SHARE = 200  # all of them the demo team's: no other has a key that opens
DAYS = 120
WINDOWS = ("hour", "day", "week", "month", "total")
GRANT = 10**9

# n: number; team_no: 0 for the demo team; kept: whether it is a copy of the kept film.
_JOBS = f"""
CREATE UNLOGGED TABLE seed_job AS
SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS hold_id,
    n %% {IN_FLIGHT_SHARE} <> 0 AS kept,
    CASE WHEN n %% {DEMO_SHARE} = 0 THEN 0 ELSE 1 + n %% {TEAMS - 1} END AS team_no,
    now() - interval '{DAYS} days' * ((%s - n)::float / %s) - interval '1 day' AS at
FROM generate_series(1, %s) AS n
"""
_TEAMS = """
CREATE UNLOGGED TABLE seed_team AS
SELECT row_number() OVER (ORDER BY t.slug <> 'demo', t.id) - 1 AS team_no, t.id AS team_id,
    m.user_id, k.id AS provider_key_id,
    max(a.id) FILTER (WHERE a.kind = 'granted') AS granted,
    max(a.id) FILTER (WHERE a.kind = 'wallet') AS wallet,
    max(a.id) FILTER (WHERE a.kind = 'held') AS held,
    max(a.id) FILTER (WHERE a.kind = 'spent') AS spent
FROM accounts_team t
JOIN billing_account a ON a.team_id = t.id
JOIN LATERAL (
    SELECT user_id FROM accounts_membership WHERE team_id = t.id ORDER BY role <> 'owner' LIMIT 1
) m ON true
JOIN generations_providerkey k ON k.team_id = t.id AND k.owner_id IS NULL
GROUP BY t.slug, t.id, m.user_id, k.id
"""
# Whatever an earlier row was, its sums are those of its transfers.
_SUMS = """
UPDATE billing_account a SET
    debits = coalesce((SELECT sum(amount) FROM billing_transfer WHERE debit_account_id = a.id), 0),
    credits = coalesce((SELECT sum(amount) FROM billing_transfer WHERE credit_account_id = a.id), 0)
"""
_WINDOW_SUMS = """
UPDATE billing_spendwindow w SET held = coalesce(s.held, 0), spent = s.spent FROM (
    SELECT hw.window_id, sum(h.amount) FILTER (WHERE h.closed_at IS NULL) AS held,
        sum(h.settled + h.adjusted) AS spent
    FROM billing_holdwindow hw JOIN billing_hold h ON h.id = hw.hold_id GROUP BY hw.window_id
) s WHERE s.window_id = w.id
"""
_BY_TEAM = "seed_job j JOIN seed_team s USING (team_no)"


@dataclass(frozen=True)
class Patterns:
    """The ids of the generations that are copied."""

    kept: str
    working: str


def seed(database: PostgresSite, generations: int, patterns: Patterns) -> None:
    """Add so many generations; constraints are left to the audit that follows."""
    sql = database.sql
    # Or each row's references would be looked up one by one.
    sql(f'ALTER DATABASE "{database.name}" SET session_replication_role = replica')
    _copy_teams(database)
    sql(_JOBS, generations, generations, generations)
    sql(_TEAMS)
    sql("ANALYZE seed_job")
    _limit_teams(database)
    for pattern, kept in ((patterns.kept, "j.kept"), (patterns.working, "NOT j.kept")):
        _copy_generations(database, pattern, kept)
    sql(_SUMS)
    sql(_WINDOW_SUMS)
    sql("DROP TABLE seed_job, seed_team")
    sql(f'ALTER DATABASE "{database.name}" RESET session_replication_role')
    sql("VACUUM ANALYZE")


def _copy_teams(database: PostgresSite) -> None:
    """Give each team an owner, the four accounts with a grant, and a provider key."""
    team, user = "(SELECT id FROM accounts_team WHERE slug = 'demo')", "owner@demo.example"
    numbers = f"generate_series(1, {TEAMS - 1}) AS n"
    _copy(
        database,
        "accounts_team",
        "p.slug = 'demo'",
        numbers,
        {"id": None, "slug": "'seed-' || n", "name": "'Seed ' || n"},
    )
    _copy(
        database,
        "accounts_user",
        f"p.email = '{user}'",
        numbers,
        {"id": None, "email": "'seed-' || n || '@demo.example'"},
    )
    made = f"{numbers} JOIN accounts_team t ON t.slug = 'seed-' || n"
    _copy(
        database,
        "accounts_membership",
        f"p.id = (SELECT min(id) FROM accounts_membership WHERE team_id = {team} "
        "AND role = 'owner')",
        f"{made} JOIN accounts_user u ON u.email = 'seed-' || n || '@demo.example'",
        {"id": None, "team_id": "t.id", "user_id": "u.id"},
    )
    of_team = f"p.team_id = {team}"
    its = {"id": None, "team_id": "t.id"}
    _copy(database, "billing_account", of_team, made, its)
    # Their secrets would open on the row that they were sealed for only.
    key = its | {"state": "'sealed'", "secret_token": "''"}
    _copy(database, "generations_providerkey", f"{of_team} AND p.owner_id IS NULL", made, key)
    accounts = {
        side: f"(SELECT id FROM billing_account WHERE team_id = t.id AND kind = '{kind}')"
        for side, kind in (("debit_account_id", "granted"), ("credit_account_id", "wallet"))
    }
    grant = f"(SELECT min(id) FROM billing_transfer WHERE kind = 'grant' AND team_id = {team})"
    _copy(
        database,
        "billing_transfer",
        f"p.id = {grant}",
        made,
        {"id": None, "team_id": "t.id", "amount": str(GRANT), **accounts},
    )


def _limit_teams(database: PostgresSite) -> None:
    """Put a limit of every kind over each team, and count what there is under the total."""
    values = ", ".join(f"('{window}')" for window in WINDOWS)
    pattern = "p.id = (SELECT min(id) FROM billing_spendlimit WHERE subject_kind = 'team')"
    limit = {"id": None, "subject_id": "s.team_id::text", "window": "w.name"}
    limit |= {"credits": str(10 * GRANT)}
    _copy(
        database,
        "billing_spendlimit",
        pattern,
        f"seed_team s CROSS JOIN (VALUES {values}) AS w(name)",
        limit,
        on_conflict="DO NOTHING",
    )
    database.sql(
        "INSERT INTO billing_spendwindow (limit_id, starts_at, held, spent) "
        "SELECT id, 'epoch', 0, 0 FROM billing_spendlimit "
        "WHERE \"window\" = 'total' AND subject_kind = 'team' ON CONFLICT DO NOTHING"
    )


def _copy_generations(database: PostgresSite, pattern: str, kept: str) -> None:
    """Copy one generation with everything that hangs on it, for the jobs that `kept` chooses."""
    source = f"{_BY_TEAM} WHERE {kept}"
    of_pattern = f"(SELECT hold_id FROM generations_generation WHERE id = '{pattern}')"
    hold = {"id": "j.hold_id", "team_id": "s.team_id", "subject_id": "j.id::text"}
    hold |= {"created_at": "j.at", "closed_at": "p.closed_at - p.created_at + j.at"}
    _copy(database, "billing_hold", f"p.id = {of_pattern}", source, hold)
    accounts = {
        side: f"CASE (SELECT kind FROM billing_account WHERE id = p.{side}) "
        "WHEN 'wallet' THEN s.wallet WHEN 'held' THEN s.held WHEN 'spent' THEN s.spent END"
        for side in ("debit_account_id", "credit_account_id")
    }
    transfer = {"id": None, "team_id": "s.team_id", "hold_id": "j.hold_id", "created_at": "j.at"}
    _copy(database, "billing_transfer", f"p.hold_id = {of_pattern}", source, transfer | accounts)
    times = ("submitted_at", "accepted_at", "ended_at")
    generation = {
        "id": "j.id",
        "hold_id": "j.hold_id",
        "team_id": "s.team_id",
        "user_id": "s.user_id",
        "provider_key_id": "s.provider_key_id",
        "prompt": "'A lighthouse in the evening, take ' || j.n",
        "created_at": "j.at",
        "upstream_id": "'seed-' || j.n",
        "callback_token": "'seed-' || j.id",
        **{name: f"p.{name} - p.created_at + j.at" for name in times},
    }
    _copy(database, "generations_generation", f"p.id = '{pattern}'", source, generation)
    event = {"id": None, "generation_id": "j.id", "at": "j.at"}
    of_generation = f"p.generation_id = '{pattern}'"
    _copy(database, "generations_generationevent", of_generation, source, event)
    film = {"generation_id": "j.id", "token": "'seed-' || j.id", "created_at": "j.at"}
    _copy(database, "generations_film", of_generation, source, film | {"kept_at": "j.at"})
    database.sql(
        "INSERT INTO billing_holdwindow (hold_id, window_id) SELECT j.hold_id, w.id "
        f"FROM {_BY_TEAM} JOIN billing_spendlimit l ON l.subject_kind = 'team' "
        "AND l.subject_id = s.team_id::text AND l.\"window\" = 'total' "
        f"JOIN billing_spendwindow w ON w.limit_id = l.id WHERE {kept}"
    )


def _copy(
    database: PostgresSite,
    table: str,
    pattern: str,
    source: str,
    values: Mapping[str, str | None],
    *,
    on_conflict: str = "",
) -> None:
    """Copy the rows `p` of a table for each row of `source`.

    `values` are expressions for some columns, None for what the database numbers itself.
    """
    found = database.sql(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s", table
    )
    columns = [name for (name,) in found if values.get(name, "") is not None]
    chosen = ", ".join(values.get(name) or f'p."{name}"' for name in columns)
    joined, _, where = source.partition(" WHERE ")
    condition = f"{pattern} AND {where}" if where else pattern
    conflict = f" ON CONFLICT {on_conflict}" if on_conflict else ""
    database.sql(
        f"INSERT INTO {table} ({', '.join(f'{chr(34)}{name}{chr(34)}' for name in columns)}) "
        f"SELECT {chosen} FROM {table} p, {joined} WHERE {condition}{conflict}"
    )
