"""A thousand jobs in flight, a hundred of them stuck; prints how late each end was settled.

Sweep, web and vendor run in processes of their own. Nobody fetches the films.
"""

import json
import random
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import httpx
from django.core.cache import cache
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import CallbackReceipt, Generation
from generations.ops.sweep import run_sweep
from generations.polling.render_times import expectations_of_site, film_kind_of
from tests.bench.polling.site_database import jobs_in_flight, make_site
from tests.factories import make_generation
from tests.support.web import WebServer, running_web_server
from tests.support.working import CHEAP

JOBS, STUCK = 1000, 100
HISTORY = 100
MEDIAN_SECONDS = 40.0
SPREAD = 0.2  # of the logarithm
SHORTEST, LONGEST = 26.0, 60.0
MARGIN_SECONDS = 8.0
SLICE_SECONDS = 10.0


def main(vendor_url: str, rounds: str) -> None:
    """Print rounds, with callbacks and without in turn, and the sweep interval."""
    member = make_site(vendor_url)
    _learn_history(member)
    with tempfile.TemporaryDirectory() as folder, running_web_server(Path(folder)) as web:
        measured = [
            {
                "polls": _round(member, vendor_url, None),
                "callbacks": _round(member, vendor_url, web),
            }
            for _ in range(int(rounds))
        ]
    expected = expectations_of_site()[film_kind_of(Generation.objects.all()[0])]
    report = {
        "jobs": JOBS,
        "stuck": STUCK,
        "interval": expected.interval,
        "seconds": MEDIAN_SECONDS,
        "rounds": measured,
    }
    sys.stdout.write(json.dumps(report))


def _learn_history(member: Membership) -> None:
    """Let films of this kind have been made before."""
    dice = random.Random("history")
    began = timezone.now() - timedelta(hours=1)
    for _ in range(HISTORY):
        past = make_generation(member, State.COMPLETED, now=began, **CHEAP)
        ended_at = began + timedelta(seconds=_render_seconds(dice))
        Generation.objects.filter(pk=past.pk).update(ended_at=ended_at)
    cache.clear()


def _render_seconds(dice: random.Random) -> float:
    while True:
        seconds = MEDIAN_SECONDS * dice.lognormvariate(0, SPREAD)
        if SHORTEST <= seconds <= LONGEST:
            return seconds


def _round(member: Membership, vendor_url: str, web: WebServer | None) -> list[float]:
    """Return, for each job that ends, the seconds from its end to its being settled; with
    callbacks, from the callback's arrival.
    """
    dice = random.Random("round")
    began = timezone.now()
    jobs = jobs_in_flight(member, JOBS, accepted_at=began)
    tasks = []
    for number, job in enumerate(jobs):
        age = dice.uniform(0, SHORTEST)
        ends_in = None if number < STUCK else _render_seconds(dice) - age
        if ends_in is None:
            age = dice.uniform(60, 3600)
        job.accepted_at = began - timedelta(seconds=age)
        job.next_poll_at = began + timedelta(seconds=dice.uniform(0, 2))
        url = f"{web.url}/callbacks/{job.callback_token}" if web is not None else None
        tasks.append({"id": job.upstream_id, "ends_in": ends_in, "callback_url": url})
    Generation.objects.bulk_update(jobs, ["accepted_at", "next_poll_at"], batch_size=200)
    httpx.put(f"{vendor_url}/bench/tasks", json=tasks, timeout=30).raise_for_status()
    give_up_at = time.monotonic() + LONGEST + MARGIN_SECONDS
    while _running(jobs) > STUCK and time.monotonic() < give_up_at:
        run_sweep(run_seconds=SLICE_SECONDS)
    # Those that are stuck must not be polled in the next round.
    _these(jobs).filter(state=State.PROCESSING).update(next_poll_at=None)
    return _lateness(jobs, vendor_url) if web is None else _lateness_of_callbacks(jobs)


def _lateness(jobs: list[Generation], vendor_url: str) -> list[float]:
    ends = httpx.get(f"{vendor_url}/bench/ends", timeout=30).json()
    settled = _these(jobs).filter(state=State.COMPLETED).values_list("upstream_id", "ended_at")
    return [ended_at.timestamp() - ends[task] for task, ended_at in settled if ended_at]


def _lateness_of_callbacks(jobs: list[Generation]) -> list[float]:
    """Of those that a poll settled before the callback came, nothing is late."""
    receipts = CallbackReceipt.objects.filter(generation__in=_these(jobs))
    arrivals = dict(receipts.values_list("generation", "received_at"))
    settled = _these(jobs).filter(state=State.COMPLETED).values_list("pk", "ended_at")
    return [
        max(0.0, (ended_at - arrivals[pk]).total_seconds()) if pk in arrivals else 0.0
        for pk, ended_at in settled
        if ended_at
    ]


def _running(jobs: list[Generation]) -> int:
    return _these(jobs).filter(state=State.PROCESSING).count()


def _these(jobs: list[Generation]) -> QuerySet[Generation]:
    # Each round's jobs begin at one moment of their own.
    return Generation.objects.filter(created_at=jobs[0].created_at)
