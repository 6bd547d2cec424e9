"""Run background steps in the test's own process, and make the database fail."""

import time
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import connection
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from generations.models import Generation
from generations.polling.claims import Due, claim_rows, due_rows
from generations.polling.loop import Poller


def queued() -> list[tuple[str, tuple[Any, ...]]]:
    """Return the queue's tasks, oldest first, by what they do (`send`, `keep`) and arguments."""
    packages = [SignedPackage.loads(row.payload) for row in OrmQ.objects.order_by("id")]
    return [(_short_name(p["func"]), tuple(p["args"])) for p in packages]


def _short_name(path: str) -> str:
    return path.rpartition(".")[2].removesuffix("_step")


def run_queue(*names: str) -> int:
    """Run the queue's tasks of these names, or all, until there are none left; return how many."""
    count = 0
    while True:
        rows = list(OrmQ.objects.order_by("id"))
        packages = [(row, SignedPackage.loads(row.payload)) for row in rows]
        chosen = [
            (row, package)
            for row, package in packages
            if not names or _short_name(package["func"]) in names
        ]
        if not chosen:
            return count
        for row, package in chosen:
            row.delete()
            import_string(package["func"])(*package["args"])
            count += 1


def empty_queue() -> None:
    """Lose everything that is queued, as a broken broker would."""
    OrmQ.objects.all().delete()


def poll_due(*, seconds: float = 20.0) -> None:
    """Ask the vendor about everything that is due now, and act on its answers."""
    poller = Poller()
    poller.step(pause=0.0)
    give_up_at = time.monotonic() + seconds
    while poller.busy and time.monotonic() < give_up_at:
        poller.step(pause=0.05, take_more=False)
    poller.finish(seconds=0.0)


def claim_due(now: datetime, *, limit: int, holder: str = "") -> list[Due]:
    """Claim what is due at `now`, as a sweep does."""
    rows = due_rows(now, limit=limit)
    return claim_rows(rows, holder=holder or uuid4().hex, now=now)


def make_due(generation: Generation) -> None:
    """Let the next poll of a generation be due."""
    Generation.objects.filter(pk=generation.pk).update(next_poll_at=generation.created_at)


class Trap:
    """Makes the database itself refuse certain writes, as a full disk or a lost link would."""

    def __init__(self, table: str, event: str, condition: str = "") -> None:
        """Name the statement: `event` such as INSERT or UPDATE, `condition` over NEW."""
        self._table, self._event, self._condition = table, event, condition

    def __enter__(self) -> None:
        """Set the trap."""
        when = f"WHEN ({self._condition})" if self._condition else ""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(
                    "CREATE OR REPLACE FUNCTION test_trap() RETURNS trigger AS "
                    "$$ BEGIN RAISE EXCEPTION 'trapped'; END $$ LANGUAGE plpgsql"
                )
                action = f"FOR EACH ROW {when} EXECUTE FUNCTION test_trap()"
            else:
                action = f"{when} BEGIN SELECT RAISE(ABORT, 'trapped'); END"
            cursor.execute(
                f"CREATE TRIGGER test_trap BEFORE {self._event} ON {self._table} {action}"
            )

    def __exit__(self, *_error: object) -> None:
        """Take the trap away."""
        on = f" ON {self._table}" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER test_trap{on}")


def polled(job: Generation) -> Generation:
    """Poll what is due, and read this generation again."""
    poll_due()
    job.refresh_from_db()
    return job
