"""The vendor's API: create a task, look at one, read the meter. No retries here, ever.

A create may cost money, so whoever calls decides what an error means; this module only tells what
it proves (see `errors`).
"""

import json
import ssl
import threading
import time
from typing import Any
from urllib.parse import quote

import httpx

from generations.provider.errors import ProviderRefused, ProviderUnavailable, ProviderUnclear
from generations.provider.wire import (
    CreditsReport,
    TaskReport,
    names_a_task,
    read_credits,
    read_error,
    read_task,
    read_task_id,
)
from platform_site.cipher import Secret
from platform_site.http import provably_unsent

_CREATE_TIMEOUT = httpx.Timeout(30.0, connect=5.0, pool=5.0)
_LOOK_TIMEOUT = httpx.Timeout(10.0, connect=5.0, pool=5.0)
SUBMIT_SECONDS = 45  # the longest a create can take, all timeouts together, with a margin
_MAX_REPLY_BYTES = 1024 * 1024
_BODY_SECONDS = 10
# Loading the certificate store costs milliseconds; every client shares one.
_TLS = ssl.create_default_context()
# An httpx pool is slow when shared: each thread keeps a small one of its own. And a third of what
# an `httpx.Client` costs a request is for what we never use: redirects, cookies, merged defaults.
_local = threading.local()


class ProviderClient:
    """Speaks for one key at one endpoint."""

    def __init__(self, *, endpoint: str, secret: Secret) -> None:
        """Bind the endpoint (an origin without a slash at its end) and the key."""
        self._endpoint = endpoint
        self._secret = secret

    @property
    def endpoint(self) -> str:
        """Return the origin that it speaks to."""
        return self._endpoint

    def create_task(self, body: dict[str, Any]) -> str:
        """Submit one job and return the vendor's task id.

        Raises `ProviderUnavailable` when it was provably not sent, `ProviderRefused` when the
        vendor says no in its envelope or answers without a task id, and `ProviderUnclear` for
        everything after which the vendor may be working, and charging.
        """
        status, data = self._call("POST", "/v1/videos/generations", body)
        task_id = read_task_id(data)
        if status < 300 and task_id is not None:
            return task_id
        if status < 300 and isinstance(data, dict) and not names_a_task(data):
            # FACTS.md: a reply without data.taskId is not accepted, even under 200.
            raise ProviderRefused(
                status=503, code="upstream_error", message="The reply carried no task id."
            )
        raise ProviderUnclear(f"HTTP {status} without the vendor's envelope.", status=status)

    def get_task(self, task_id: str) -> TaskReport:
        """Look at one task. Raises the three errors; none of them says how the task ended (P28)."""
        status, data = self._call("GET", f"/v1/tasks/{quote(task_id, safe='')}")
        if status != 200:
            raise ProviderUnclear(f"HTTP {status} without the vendor's envelope.", status=status)
        report = read_task(data)
        if report.id != task_id:
            raise ProviderUnclear("The answer is about another task.")
        return report

    def get_credits(self) -> CreditsReport:
        """Read the key's meter. Raises the three errors."""
        status, data = self._call("GET", "/v1/credits")
        if status != 200:
            raise ProviderUnclear(f"HTTP {status} without the vendor's envelope.", status=status)
        return read_credits(data)

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, object]:
        """Send one request; return the status and the JSON, None where the body is not JSON."""
        headers = {
            "Authorization": f"Bearer {self._secret.reveal()}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "dailies",
        }
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body, ensure_ascii=False).encode()
        looks = method == "GET"
        timeout = _LOOK_TIMEOUT if looks else _CREATE_TIMEOUT
        try:
            request = httpx.Request(
                method,
                f"{self._endpoint}{path}",
                headers=headers,
                content=content,
                extensions={"timeout": timeout.as_dict()},
            )
            reply = _transport(reuse=looks).handle_request(request)
            try:
                text = _read_capped(reply)
            finally:
                reply.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if provably_unsent(error):
                raise ProviderUnavailable(f"Not reached: {type(error).__name__}.") from error
            raise ProviderUnclear(f"No whole answer: {type(error).__name__}.") from error
        # A vendor may repeat our key in its complaint, which people read (P33).
        secret = self._secret.reveal()
        text = text.replace(secret.encode(), f"sk-…{secret[-4:]}".encode())
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            data = None
        refusal = read_error(data)
        if reply.status_code >= 400 and refusal is not None:
            code, message = refusal
            raise ProviderRefused(status=reply.status_code, code=code, message=message)
        return reply.status_code, data


def _read_capped(reply: httpx.Response) -> bytes:
    """Read the body within its caps: timeouts bound each wait, not a body that drips for ever."""
    text, ends = b"", time.monotonic() + _BODY_SECONDS
    for chunk in reply.iter_bytes():
        text += chunk
        if len(text) > _MAX_REPLY_BYTES:
            raise ProviderUnclear("The answer is too large.")
        if time.monotonic() > ends:
            raise ProviderUnclear("The answer does not end.")
    return text


def _transport(*, reuse: bool) -> httpx.HTTPTransport:
    """Return this thread's connections. A create never reuses one: one that the vendor closes just
    then would leave it unknown whether the job was accepted.
    """
    name = "reusing" if reuse else "fresh"
    transport: httpx.HTTPTransport | None = getattr(_local, name, None)
    if transport is None:
        transport = httpx.HTTPTransport(
            verify=_TLS,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=4,
                max_keepalive_connections=4 if reuse else 0,
                keepalive_expiry=20,
            ),
        )
        setattr(_local, name, transport)
    return transport
