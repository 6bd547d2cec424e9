"""Tell a client that its task ended, as the vendor does: unsigned, three times at most."""

import asyncio
import json
import logging
import time
import uuid
from typing import Any, Final

import aiohttp

from sandbox.config import Settings
from sandbox.directives import CALLBACK_LATE_SECONDS, Script
from sandbox.store import Delivery, Store, Task
from sandbox.wire import callback_headers, task_body

CALLBACK_SECONDS: Final = 10.0

TRUE: Final = "true"
ALTERED_PATH: Final = "altered-path"
FALSE_BODY: Final = "false-body"

_PLANS: Final[dict[str | None, list[tuple[str, float]]]] = {
    None: [(TRUE, 0.0)],
    "none": [],
    "double": [(TRUE, 0.0), (TRUE, 0.0)],
    "late": [(TRUE, CALLBACK_LATE_SECONDS)],
    "forged": [(ALTERED_PATH, 0.0), (FALSE_BODY, 0.0), (TRUE, 0.0)],
}

_log = logging.getLogger(__name__)


def plan_of(script: Script) -> list[tuple[str, float]]:
    """Return the callbacks a task will make, in order: (kind, seconds after its end)."""
    return _PLANS[script.callback_mode]


class CallbackSender:
    """Make the callbacks of each ended task, one after the other, over restarts."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Take the parts; connect to nothing yet."""
        self._delays = settings.callback_delays
        self._store = store
        self._running: set[asyncio.Task[None]] = set()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=CALLBACK_SECONDS), trust_env=False
        )

    def resume(self) -> None:
        """Resume the callbacks that an earlier server still owed."""
        for task_id in self._store.tasks_with_deliveries():
            self.start(task_id)

    def start(self, task_id: str) -> None:
        """Make the callbacks of one ended task."""
        running = asyncio.create_task(self._deliver_all(task_id))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Stop; what is not made yet stays planned."""
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._session.close()

    async def _deliver_all(self, task_id: str) -> None:
        task = self._store.task(task_id)
        if task is None or task.callback_url is None:
            return
        for delivery in self._store.deliveries_of(task_id):
            await self._deliver(task, task.callback_url, delivery)

    async def _deliver(self, task: Task, url: str, delivery: Delivery) -> None:
        """Post until a 2xx or until the delays are used up; a forgery is posted once."""
        delays = self._delays if delivery.kind == TRUE else (0.0,)
        for number in range(delivery.attempts, len(delays)):
            await asyncio.sleep(max(0.0, delivery.start_at + delays[number] - time.time()))
            taken = await self._post(*_message(delivery.kind, task, url))
            done = taken or number + 1 == len(delays)
            self._store.count_delivery(delivery.id, done=done)
            if done:
                return

    async def _post(self, url: str, body: dict[str, Any]) -> bool:
        """Post once; say whether a 2xx came back."""
        headers = callback_headers(body["id"], body["status"])
        headers["Content-Type"] = "application/json"
        try:
            async with self._session.post(
                url, data=json.dumps(body), headers=headers, allow_redirects=False
            ) as response:
                return 200 <= response.status < 300
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            _log.info("callback for %s failed: %s", body["id"], type(error).__name__)
            return False


def _message(kind: str, task: Task, url: str) -> tuple[str, dict[str, Any]]:
    """Return where a callback goes and what it says; two kinds of forgery say it wrongly."""
    body = task_body(task)
    if kind == ALTERED_PATH:
        return _with_altered_path(url), body
    if kind == FALSE_BODY:
        return url, {
            "id": str(uuid.uuid4()),
            "status": "completed",
            "model": task.model,
            "created_at": int(task.accepted_at),
            "completed_at": int(time.time()),
            "output": {"urls": ["https://forged.example.com/film.mp4"], "metadata": {}},
        }
    return url, body


def _with_altered_path(url: str) -> str:
    """Change the last segment of a URL's path and nothing else."""
    address, mark, query = url.partition("?")
    address = address.rstrip("/")
    last = address[-1]
    return f"{address[:-1]}{'B' if last == 'A' else 'A'}{mark}{query}"
