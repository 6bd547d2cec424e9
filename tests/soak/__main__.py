"""`make soak`: JOBS, KILLS and SEED in the environment; the last line is one JSON object.

Exits with 1 when anything does not hold; what the processes said is then kept in `var/soak`.
"""

import json
import logging
import os
import random
import shutil
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType

import django

from tests.soak.environment import make_place
from tests.soak.plan import Plan, make_plan
from tests.support.postgres import PrivatePostgres, private_postgres

JOBS = 250
KILLS = 16


def main() -> int:
    """Run a soak; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    plan = make_plan(
        seed=int(os.environ.get("SEED") or random.randrange(1_000_000)),
        jobs=int(os.environ.get("JOBS") or JOBS),
        kills=int(os.environ.get("KILLS") or KILLS),
    )
    sys.stdout.write(
        f"SEED={plan.seed} JOBS={len(plan.jobs)} KILLS={plan.kills}, {len(plan.blows)} blows\n"
    )
    sys.stdout.flush()
    with private_postgres(durable=True) as postgres:
        return _run(plan, postgres)


def _run(plan: Plan, postgres: PrivatePostgres) -> int:
    place = make_place(dict(os.environ), database_url=postgres.url)
    outcome = None
    try:
        # The soak itself uses the site's services: its settings must be read from this place.
        os.environ.update(place.environment, DATA_DIR=str(place.host_folder("desk")))
        django.setup()
        _log_to(place.folder / "desk" / "soak.log")
        outcome = import_module("tests.soak.run").run(plan, place, postgres)
    finally:
        if outcome is None or not outcome.is_good:
            sys.stdout.write(f"The logs are in {place.keep_logs(f'seed-{plan.seed}')}.\n")
        shutil.rmtree(place.folder, ignore_errors=True)
    sys.stdout.write(f"{json.dumps(outcome.counts)}\n")
    return 0 if outcome.is_good else 1


def _log_to(file: Path) -> None:
    """Send our own log, which is the site's, to where the hosts' logs are."""
    root = logging.getLogger()
    handler = logging.FileHandler(file)
    if root.handlers:
        handler.setFormatter(root.handlers[0].formatter)
    root.handlers[:] = [handler]


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
