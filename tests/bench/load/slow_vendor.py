"""A vendor that costs next to nothing, in a process of its own.

Every answer takes the latency it was started with. What tasks there are, when each is done and
whether it calls back is told by `PUT /bench/tasks`: a list of {"id", "ends_in", "callback_url"},
seconds from now, null for never. `GET /bench/ends` says when each is done, in unix seconds.
It accepts whatever is submitted and never finishes it; `GET /bench/counts` says how often it did.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.support.films import film_bytes


@dataclass
class Task:
    """One job; times are unix seconds, None for what did not happen."""

    ends_at: float | None
    callback_url: str | None
    timer: asyncio.Task[None] | None = field(default=None, repr=False)


class SlowVendor:
    """The application and its tasks."""

    def __init__(self, latency: float) -> None:
        """Answer after `latency` seconds."""
        self._latency = latency
        self._tasks: dict[str, Task] = {}
        self._counts = {"accepted": 0, "polls": 0}
        self._session: aiohttp.ClientSession | None = None

    def application(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/v1/videos/generations", self.accept)
        app.router.add_get("/v1/tasks/{id}", self.look)
        app.router.add_get("/film.mp4", self.film)
        app.router.add_put("/bench/tasks", self.take)
        app.router.add_get("/bench/ends", self.ends)
        app.router.add_get("/bench/counts", self.counts)
        return app

    async def accept(self, request: web.Request) -> web.Response:
        """Accept a submit as the vendor does."""
        await request.read()
        await asyncio.sleep(self._latency)
        self._counts["accepted"] += 1
        data = {"taskId": str(uuid.uuid4())}
        return web.json_response({"code": 200, "msg": "success", "data": data})

    async def look(self, request: web.Request) -> web.Response:
        """Answer a poll as the vendor does."""
        await asyncio.sleep(self._latency)
        self._counts["polls"] += 1
        task_id = request.match_info["id"]
        task = self._tasks.get(task_id)
        now = time.time()
        body: dict[str, Any] = {
            "id": task_id,
            "status": "processing",
            "model": "doubao-seedance-1.5-pro",
            "created_at": int(now),
            "progress": None,
        }
        if task is not None and task.ends_at is not None and task.ends_at <= now:
            output = {"urls": [f"http://{request.host}/film.mp4"], "metadata": {}}
            body |= {"status": "completed", "output": output, "completed_at": int(task.ends_at)}
        return web.json_response(body)

    async def film(self, _request: web.Request) -> web.Response:
        """Serve the film of every task, 480p and 4 s."""
        return web.Response(body=film_bytes(), content_type="video/mp4")

    async def take(self, request: web.Request) -> web.Response:
        """Begin with these tasks and no others."""
        for task in self._tasks.values():
            if task.timer is not None:
                task.timer.cancel()
        now = time.time()
        self._tasks = {}
        for one in await request.json():
            ends_in = one["ends_in"]
            task = Task(None if ends_in is None else now + ends_in, one.get("callback_url"))
            if task.ends_at is not None and task.callback_url is not None:
                task.timer = asyncio.create_task(self._call_back(one["id"], task))
            self._tasks[one["id"]] = task
        return web.Response(status=204)

    async def ends(self, _request: web.Request) -> web.Response:
        """Tell when each task is done."""
        return web.json_response({pk: task.ends_at for pk, task in self._tasks.items()})

    async def counts(self, _request: web.Request) -> web.Response:
        """Tell how many submits were accepted and how many polls answered since the start."""
        return web.json_response(self._counts)

    async def _call_back(self, task_id: str, task: Task) -> None:
        assert task.ends_at is not None
        assert task.callback_url is not None
        await asyncio.sleep(max(0.0, task.ends_at - time.time()))
        if self._session is None:
            self._session = aiohttp.ClientSession()
        headers = {"X-Event": "task.completed", "X-Task-Id": task_id}
        body = {"id": task_id, "status": "completed"}
        async with self._session.post(task.callback_url, json=body, headers=headers) as reply:
            reply.raise_for_status()


@contextlib.contextmanager
def slow_vendor(latency: float) -> Iterator[str]:
    """Run one and yield its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load.slow_vendor", str(latency)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)


async def _serve(latency: float) -> None:
    runner = web.AppRunner(SlowVendor(latency).application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    [address] = runner.addresses
    sys.stdout.write(json.dumps(f"http://127.0.0.1:{address[1]}") + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(float(sys.argv[1])))
