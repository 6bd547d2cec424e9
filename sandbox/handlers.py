"""The vendor's endpoints, and the two that report on the sandbox itself."""

import json
import random
import secrets
import time
import uuid
from typing import Any, Final, NoReturn

from aiohttp import web

from sandbox.config import Settings
from sandbox.directives import MODERATION_WORDS, REFUSALS, Script, script_of
from sandbox.drop import DropConnectionError
from sandbox.prices import price_of
from sandbox.store import Account, BalanceTooLowError, NewTask, Store, Task
from sandbox.studio import Studio
from sandbox.validation import CreateRequest, parse_create
from sandbox.wire import ApiError, accepted_body, credits_body, task_body

KEY_PREFIX: Final = "sk-sandbox-"
_LONGEST_KEY: Final = 200
_BARE_500: Final = (
    "<html>\r\n<head><title>500 Internal Server Error</title></head>\r\n<body>\r\n"
    "<center><h1>500 Internal Server Error</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)


class BareServerError(Exception):
    """Ask for the page of a broken proxy in place of an envelope."""

    page = _BARE_500


class ApiHandlers:
    """Answer the API from the store; start the studio on what is accepted."""

    def __init__(self, settings: Settings, store: Store, studio: Studio) -> None:
        """Take the parts."""
        self._public_url = settings.public_url
        self._store = store
        self._studio = studio

    async def create(self, request: web.Request) -> web.Response:
        """`POST /v1/videos/generations`: check, refuse as scripted, charge, start, answer."""
        account = self._account(request)
        wanted = parse_create(await request.read())
        script = script_of(wanted.prompt)
        self._refuse_as_scripted(script, account, wanted)
        task = self._new_task(account, wanted, self._public_url or f"http://{request.host}")
        try:
            self._store.accept(task)
        except BalanceTooLowError:
            raise ApiError("insufficient_credits") from None
        self._studio.start(task.id)
        if script.has("lost-reply"):
            raise DropConnectionError
        return web.json_response(accepted_body(task.id))

    async def task(self, request: web.Request) -> web.Response:
        """`GET /v1/tasks/{id}`; a stranger's task does not exist."""
        account = self._account(request)
        task = self._store.task(request.match_info["id"])
        if task is None or task.key_hash != account.key_hash:
            raise ApiError("task_not_found")
        return web.json_response(task_body(task))

    async def credits(self, request: web.Request) -> web.Response:
        """`GET /v1/credits`."""
        return web.json_response(credits_body(self._account(request)))

    async def books(self, _request: web.Request) -> web.Response:
        """`GET /sandbox/books`: what the vendor knows, over all keys, to reconcile against."""
        balance, purchased, consumed = self._store.totals()
        return web.json_response(
            {
                "balance": balance,
                "total_purchased": purchased,
                "total_consumed": consumed,
                "accounts": [_account_entry(account) for account in self._store.accounts()],
                "tasks": [_book_entry(task) for task in self._store.tasks()],
            }
        )

    async def health(self, _request: web.Request) -> web.Response:
        """`GET /healthz`."""
        return web.json_response({"status": "ok"})

    def _account(self, request: web.Request) -> Account:
        """Return the caller's account; any key of the sandbox's form is a valid one."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        key = key.strip()
        well_formed = key.startswith(KEY_PREFIX) and len(KEY_PREFIX) < len(key) <= _LONGEST_KEY
        if scheme.lower() != "bearer" or not well_formed or not key.isascii():
            raise ApiError("invalid_api_key")
        return self._store.account_for(key)

    def _refuse_as_scripted(self, script: Script, account: Account, wanted: CreateRequest) -> None:
        if script.refuses:
            attempt = self._store.count_attempt(account.key_hash, wanted.input_hash)
            name = script.refusal(attempt)
            if name is not None:
                _refuse(name)
        if script.has("refuse"):
            raise ApiError("upstream_error", MODERATION_WORDS)

    def _new_task(self, account: Account, wanted: CreateRequest, origin: str) -> NewTask:
        return NewTask(
            id=str(uuid.uuid4()),
            key_hash=account.key_hash,
            last4=account.last4,
            model=wanted.model,
            prompt=wanted.prompt,
            request=wanted.as_json(),
            seed=wanted.seed if wanted.seed >= 0 else random.getrandbits(32),
            credits=price_of(
                resolution=wanted.resolution,
                duration=wanted.duration,
                audio=wanted.generate_audio,
            ),
            origin=origin,
            link=secrets.token_urlsafe(24),
            callback_url=wanted.callback_url,
            accepted_at=time.time(),
        )


def _refuse(name: str) -> NoReturn:
    code = REFUSALS[name]
    if code is None:
        raise BareServerError
    raise ApiError(code)


def _account_entry(account: Account) -> dict[str, Any]:
    return {
        "key_last4": account.last4,
        "balance": account.balance,
        "total_purchased": account.purchased,
        "total_consumed": account.consumed,
    }


def _book_entry(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "key_last4": task.last4,
        "prompt": task.prompt,
        "request": json.loads(task.request),
        "status": task.status,
        "credits": task.credits,
        "refunded": bool(task.refunded),
        "accepted_at": task.accepted_at,
        "completed_at": task.completed_at,
        "render_seconds": task.render_seconds,
    }
