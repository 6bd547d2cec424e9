"""Rounds of polling, ours and a bare httpx loop's in turn, in one process; prints JSON."""

import json
import queue
import ssl
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
from django.utils import timezone

from generations.ops.sweep import POLL_PAUSE
from generations.polling.claims import is_anything_due
from generations.polling.loop import Poller
from generations.polling.pool import QUICK_THREADS
from generations.provider_keys.vault import reveal
from tests.bench.polling.site_database import jobs_in_flight, make_due, make_site

JOBS = 1000
# To load the certificates once a client would make a floor that is easily beaten.
_TLS = ssl.create_default_context()


def main(vendor_url: str, rounds: str) -> None:
    """Print a list of rounds: seconds and CPU seconds for `JOBS` polls, ours and the floor's."""
    member = make_site(vendor_url)
    jobs = jobs_in_flight(member, JOBS, accepted_at=timezone.now())
    measured = []
    # The first one warms up.
    for number in range(int(rounds) + 1):
        floor = _measured(lambda: _bare_loop(jobs, vendor_url))
        make_due(jobs, timezone.now() - timedelta(seconds=5))
        ours = _measured(_sweep)
        if number:
            measured.append({"ours": ours, "floor": floor})
    sys.stdout.write(json.dumps({"jobs": JOBS, "askers": QUICK_THREADS, "rounds": measured}))


def _measured(work: Callable[[], None]) -> dict[str, float]:
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}


def _sweep() -> None:
    """Poll until nothing is due and everything that was told is written."""
    poller = Poller()
    while True:
        poller.step(pause=POLL_PAUSE)
        if not poller.busy and not is_anything_due(timezone.now()):
            break
    poller.finish(seconds=0)


def _bare_loop(jobs: list[Any], vendor_url: str) -> None:
    """Ask as often, with as many threads and a client each, and do nothing with the answers."""
    secret = reveal(jobs[0].provider_key).reveal()
    headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json"}
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(f"{vendor_url}/v1/tasks/{job.upstream_id}")

    def ask() -> None:
        with httpx.Client(timeout=10, trust_env=False, verify=_TLS) as client:
            while True:
                try:
                    url = waiting.get_nowait()
                except queue.Empty:
                    return
                reply = client.get(url, headers=headers)
                assert reply.status_code == 200
                assert reply.json()["status"] == "processing"

    threads = [threading.Thread(target=ask) for _ in range(QUICK_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
