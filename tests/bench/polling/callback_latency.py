"""On a whole site at rest: from a callback to the settled job, beside the way of an empty task.

Run with the site's environment; prints JSON.
"""

import json
import sys
import time
from collections.abc import Callable

import httpx
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from generations.lifecycle import State
from generations.models import CallbackReceipt, Generation

ROUNDS = 15
LOOK_SECONDS = 0.002
GIVE_UP_SECONDS = 60.0
REST_SECONDS = 0.3  # until the last film is kept and told
INPUT = {"duration": 4, "resolution": "480p", "generate_audio": False, "seed": 7}


def main(url: str, api_key: str) -> None:
    """Print rounds of both, in seconds, in turn; the first one, which warms up, left out."""
    rounds = []
    for number in range(ROUNDS + 1):
        task = _empty_task()
        # Not in step with anything that runs a few times a second.
        time.sleep(REST_SECONDS + 0.037 * (number % 8))
        callback = _callback(url, api_key, number)
        time.sleep(REST_SECONDS + 0.041 * (number % 7))
        rounds.append({"task": task, "callback": callback})
    sys.stdout.write(json.dumps(rounds[1:]))


def _empty_task() -> float:
    """Return the seconds from putting an empty task into the queue until a worker has done it."""
    begun = time.monotonic()
    async_task("platform_site.clusters.registry.prove_worker")
    row = OrmQ.objects.order_by("-id")[0].pk
    _until(lambda: not OrmQ.objects.filter(pk=row).exists())
    return time.monotonic() - begun


def _callback(url: str, api_key: str, number: int) -> float:
    """Return the seconds from the callback's arrival until readers see the job settled."""
    prompt = f"A lighthouse, take {number}"
    body = {"model": "doubao-seedance-1.5-pro", "input": {"prompt": prompt, **INPUT}}
    headers = {"Authorization": f"Bearer {api_key}"}
    reply = httpx.post(f"{url}/v1/videos/generations", json=body, headers=headers, timeout=30)
    generation = Generation.objects.filter(pk=reply.raise_for_status().json()["data"]["taskId"])
    _until(lambda: generation.filter(state=State.COMPLETED).exists())
    settled_at = timezone.now()
    receipt = CallbackReceipt.objects.get(generation__in=generation)
    return (settled_at - receipt.received_at).total_seconds()


def _until(done: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while not done():
        if time.monotonic() > give_up_at:
            raise TimeoutError("It was not done in time.")
        time.sleep(LOOK_SECONDS)
