"""What stands before the web servers: it shares calls among them and treats callbacks badly."""

import asyncio
import itertools
import json
import random
import uuid
from collections import Counter
from collections.abc import Mapping

import aiohttp
from aiohttp import web

from tests.soak.event_loop import Loop, serve

_SECONDS = 60.0
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date"})
_TREATMENTS = ("pass", "twice", "late", "forged", "swallowed", "refused")
_SHARES = (50, 14, 12, 10, 7, 7)
_LATEST = 25.0  # seconds


class Front:
    """Serves the site's public address. Callbacks are doubled, held back, forged and lost.

    Forgeries say what is not true, in the vendor's own form, from the vendor's own machine; one
    with an altered path must be turned away, which is counted.
    """

    def __init__(self, loop: Loop, *, port: int, web_ports: list[int], seed: int) -> None:
        """Start serving; the n-th callback of a seed is always treated alike."""
        self._loop = loop
        self._webs = [f"http://127.0.0.1:{web_port}" for web_port in web_ports]
        self._turn = itertools.cycle(range(len(web_ports)))
        self._dice = random.Random(f"front-{seed}")
        self._later: set[asyncio.Task[None]] = set()
        self.is_kind = False
        """Whether callbacks are passed on as they come."""
        self.callbacks: Counter[str] = Counter()
        self.forgeries_taken = 0
        self._session: aiohttp.ClientSession | None = None
        self._runner = loop.call(self._start(port))

    def close(self) -> None:
        """Stop serving."""
        self._loop.call(self._stop())

    async def _start(self, port: int) -> web.AppRunner:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_SECONDS),
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        app = web.Application(client_max_size=40 * 1024 * 1024)
        app.router.add_post("/callbacks/{token:.*}", self._callback)
        app.router.add_route("*", "/{path:.*}", self._pass)
        return await serve(app, port)

    async def _stop(self) -> None:
        for task in self._later:
            task.cancel()
        await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _pass(self, request: web.Request) -> web.Response:
        return await self._send(
            request.method, request.raw_path, request.headers, await request.read()
        )

    async def _callback(self, request: web.Request) -> web.Response:
        path, headers, body = request.raw_path, request.headers, await request.read()
        treatment = "pass" if self.is_kind else self._dice.choices(_TREATMENTS, _SHARES)[0]
        self.callbacks[treatment] += 1
        if treatment == "swallowed":
            return web.Response(status=204)
        if treatment == "refused":
            return web.Response(status=503)
        if treatment == "late":
            self._send_later(path, headers, body, self._dice.uniform(1.0, _LATEST))
            return web.Response(status=204)
        if treatment == "twice":
            self._send_later(path, headers, body, 0.0)
        if treatment == "forged":
            await self._forge(path, headers, body)
        return await self._send("POST", path, headers, body)

    def _send_later(
        self, path: str, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> None:
        async def run() -> None:
            await asyncio.sleep(seconds)
            await self._send("POST", path, headers, body)

        task = asyncio.create_task(run())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _forge(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Post an altered path, another task's id, and the opposite of what is true."""
        truth = json.loads(body)
        altered = f"{path[:-1]}{'x' if path[-1] != 'x' else 'y'}"
        reply = await self._send("POST", altered, headers, body)
        self.forgeries_taken += reply.status < 300
        other = {**truth, "id": str(uuid.uuid4())}
        opposite = {
            **{name: truth[name] for name in ("id", "model", "created_at")},
            "status": "failed" if truth["status"] == "completed" else "completed",
            "error": {"code": "upstream_error", "message": "Forged."},
        }
        for lie in (other, opposite):
            await self._send("POST", path, headers, json.dumps(lie).encode())

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> web.Response:
        """Ask one web server; another one only when the first cannot have heard of it."""
        assert self._session is not None
        passed = [(name, value) for name, value in headers.items() if name.lower() not in _HOP]
        first = next(self._turn)
        for number in range(len(self._webs)):
            address = self._webs[(first + number) % len(self._webs)]
            try:
                async with self._session.request(
                    method,
                    f"{address}{path}",
                    headers=passed,
                    data=body or None,
                    allow_redirects=False,
                ) as reply:
                    content = await reply.read()
                    answer = web.Response(status=reply.status, body=content)
                    for name, value in reply.headers.items():
                        if name.lower() not in _HOP:
                            answer.headers.add(name, value)
                    return answer
            except aiohttp.ClientConnectorError:
                continue
            except (aiohttp.ClientError, TimeoutError, OSError):
                return web.Response(status=502, text="Cut off midway.\n")
        return web.Response(status=502, text="No web server answers.\n")
