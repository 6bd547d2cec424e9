"""The fixed floor: what an exact admission, a claim and a stored vendor id cost without a product.

Plain psycopg on tables of its own, one prepared statement for each of the three, each of them a
durable commit. It is never changed with the product: figures of different years compare by it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from tests.bench.measure.processes import parent_of, used_by

JOBS = 4000  # a round
WARM_UP = 400
WINDOWS = 2  # limits over each admission
BODY = '{"model": "floor", "input": {"prompt": "A lighthouse in the evening", "duration": 4}}'

_TABLES = """
DROP SCHEMA IF EXISTS floor CASCADE;
CREATE SCHEMA floor;
CREATE TABLE floor.wallet (
    id bigint PRIMARY KEY, credits bigint NOT NULL, held bigint NOT NULL, CHECK (held <= credits)
);
CREATE TABLE floor.budget (id bigint PRIMARY KEY, credits bigint NOT NULL, used bigint NOT NULL);
CREATE TABLE floor.job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wallet_id bigint NOT NULL REFERENCES floor.wallet,
    budget_ids bigint[] NOT NULL,
    credits bigint NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL,
    vendor_id text UNIQUE,
    created_at timestamptz NOT NULL
);
CREATE INDEX job_queue ON floor.job (id) WHERE state = 'queued';
CREATE TABLE floor.entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id bigint NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL,
    at timestamptz NOT NULL
);
INSERT INTO floor.wallet VALUES (1, 1000000000, 0);
INSERT INTO floor.budget SELECT id, 1000000000, 0 FROM generate_series(1, 2) AS id;
"""

# Without room in a budget or the wallet it divides by zero, which takes all of it back.
_ADMIT = """
WITH counted AS (
    UPDATE floor.budget SET used = used + %(credits)s
    WHERE id = ANY(%(budgets)s) AND used + %(credits)s <= credits RETURNING id
), held AS (
    UPDATE floor.wallet SET held = held + %(credits)s
    WHERE id = %(wallet)s AND held + %(credits)s <= credits
        AND (SELECT count(*) FROM counted) = cardinality(%(budgets)s) RETURNING id
), job AS (
    INSERT INTO floor.job (wallet_id, budget_ids, credits, body, state, created_at)
    SELECT id, %(budgets)s, %(credits)s, %(body)s, 'queued', now() FROM held RETURNING id
), entry AS (
    INSERT INTO floor.entry (job_id, kind, amount, at)
    SELECT id, 'hold', %(credits)s, now() FROM job RETURNING job_id
)
SELECT 1 / count(*), min(job_id) FROM entry
"""
_CLAIM = """
UPDATE floor.job SET state = 'submitting' WHERE id = (
    SELECT id FROM floor.job WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, body
"""
_STORE = "UPDATE floor.job SET state = 'processing', vendor_id = %s WHERE id = %s"


@dataclass(frozen=True)
class Floor:
    """One round: CPU milliseconds of client and server for each job, and jobs a second."""

    admission: float
    to_accepted: float  # admission, claim and stored vendor id
    admissions_a_second: float


def measure_floor(url: str, rounds: int) -> list[Floor]:
    """Measure rounds in the PostgreSQL database at `url`, in a schema of its own."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = on")
        connection.execute(_TABLES)
        connection.prepare_threshold = 0
        _round(connection, WARM_UP)
        measured = [_round(connection, JOBS) for _ in range(rounds)]
        connection.execute("DROP SCHEMA floor CASCADE")
    return measured


def _round(connection: psycopg.Connection, jobs: int) -> Floor:
    server = parent_of(connection.info.backend_pid)
    begun = time.perf_counter()
    admission = _cpu_ms(lambda: _admit(connection, jobs), server) / jobs
    seconds = time.perf_counter() - begun
    sending = _cpu_ms(lambda: _send(connection, jobs), server) / jobs
    return Floor(admission, admission + sending, jobs / seconds)


def _admit(connection: psycopg.Connection, jobs: int) -> None:
    row = {"credits": 4, "budgets": list(range(1, WINDOWS + 1)), "wallet": 1, "body": BODY}
    for _ in range(jobs):
        connection.execute(_ADMIT, row).fetchone()


def _send(connection: psycopg.Connection, jobs: int) -> None:
    for _ in range(jobs):
        claimed = connection.execute(_CLAIM).fetchone()
        assert claimed is not None
        connection.execute(_STORE, (f"vendor-{claimed[0]}", claimed[0]))


def _cpu_ms(work: Callable[[], None], server: int) -> float:
    """Return the CPU milliseconds that this process and the server spend on `work`."""
    own, servers = time.process_time(), used_by(server)
    work()
    return 1000 * (time.process_time() - own + (used_by(server) - servers).cpu)
