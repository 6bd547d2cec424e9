"""The clients' receivers of webhooks, which check signatures and now and then fail."""

import asyncio
import json
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.soak.event_loop import Loop, serve

_ANSWERS = ("take", "500", "drop", "hang", "redirect")
_SHARES = (78, 10, 6, 2, 4)
_HANG_SECONDS = 12.0  # longer than a sender waits


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook that was taken."""

    id: str
    event: str
    task_id: str
    body: dict[str, Any]


class Receiver:
    """Takes webhooks: `/jobs/…` from a task's own `callback_url`, `/teams/…` from an endpoint.

    It fails only the first time that it hears of a message, so that each one can arrive.
    """

    def __init__(self, loop: Loop, *, port: int, seed: int) -> None:
        """Start serving."""
        self._loop = loop
        self._port = port
        self._dice = random.Random(f"receiver-{seed}")
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._taken: dict[str, list[Message]] = defaultdict(list)
        self.secrets: dict[str, str] = {}
        """The signing secret of each team, by its slug."""
        self.answers: Counter[str] = Counter()
        self.badly_signed: list[str] = []
        self._runner = loop.call(self._start())

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self._port}"

    def url(self, kind: str, team: str, name: str) -> str:
        """Return where messages of one kind and name go."""
        return f"http://{self.address}/{kind}/{team}/{name}"

    def taken(self, kind: str, team: str, name: str) -> list[Message]:
        """Return what has come to a URL, doubles included, in order."""
        with self._lock:
            return list(self._taken[f"/{kind}/{team}/{name}"])

    def close(self) -> None:
        """Stop serving."""
        self._loop.call(self._runner.cleanup())

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/{kind}/{team}/{name}", self._post)
        return await serve(app, self._port)

    async def _post(self, request: web.Request) -> web.Response:
        body = await request.read()
        message_id = request.headers.get("webhook-id", "")
        answer = "take"
        if message_id not in self._seen:
            self._seen.add(message_id)
            answer = self._dice.choices(_ANSWERS, _SHARES)[0]
        self.answers[answer] += 1
        if answer == "500":
            return web.Response(status=500)
        if answer == "redirect":
            return web.Response(status=302, headers={"Location": f"http://{self.address}/"})
        if answer == "drop" and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if answer == "hang":
            await asyncio.sleep(_HANG_SECONDS)
        self._take(request.path, request.match_info["team"], request.headers, body)
        return web.Response(status=204)

    def _take(self, path: str, team: str, headers: Mapping[str, str], body: bytes) -> None:
        message = Message(
            id=headers.get("webhook-id", ""),
            event=headers.get("X-Event", ""),
            task_id=headers.get("X-Task-Id", ""),
            body=json.loads(body),
        )
        try:
            Webhook(self.secrets[team]).verify(body, dict(headers))
        except (WebhookVerificationError, KeyError):
            self.badly_signed.append(f"{path} {message.id}")
        with self._lock:
            self._taken[path].append(message)
