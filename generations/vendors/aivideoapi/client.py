"""The vendor's API: create a task, look at one, read the meter. No retries here, ever.

A create may cost money, so whoever calls decides what an error means; this module only tells what
it proves (see `errors`).
"""

import json
import re
import ssl
import threading
import time
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from generations.vendors.aivideoapi.wire import (
    CreditsReport,
    TaskReport,
    named_task,
    read_credits,
    read_error,
    read_json,
    read_task,
    usable_task_id,
)
from generations.vendors.base import ProviderRefused, ProviderUnavailable, ProviderUnclear
from platform_site.http import provably_unsent
from platform_site.secrets.cipher import Secret
from platform_site.untrusted import clean_text, shown

_CREATE_TIMEOUT = httpx.Timeout(30.0, connect=5.0, pool=5.0)
_LOOK_TIMEOUT = httpx.Timeout(10.0, connect=5.0, pool=5.0)
SUBMIT_SECONDS = 45  # the longest a create can take, all timeouts together, with a margin
_MAX_REPLY_BYTES = 1024 * 1024
_BODY_SECONDS = 10
# In a body that is shown in a log: what JSON may hide from whoever looks for our key.
_ESCAPED = re.compile(r"\\u00([0-9a-fA-F]{2})")
_SHOWN_BYTES = 4000
# What each coding may be, as zlib counts: 31 is gzip, 15 zlib, -15 deflate without a wrapper.
_PACKED = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
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
        reply = self._call("POST", "/v1/videos/generations", body)
        named = named_task(reply.data) if reply.status < 300 else None
        task_id = usable_task_id(named)
        if task_id is not None:
            return task_id
        if reply.status < 300 and named is None and isinstance(reply.data, dict):
            # FACTS.md: a reply without data.taskId is not accepted, even under 200.
            raise ProviderRefused(
                status=503, code="upstream_error", message="The reply carried no task id."
            )
        if named is None:
            raise reply.unclear(said=self._picture(reply.body))
        raise ProviderUnclear(
            "The vendor accepted it under an id that cannot be stored.",
            status=reply.status,
            said=self._picture(reply.body),
            named_task=shown(named),
        )

    def get_task(self, task_id: str) -> TaskReport:
        """Look at one task. Raises the three errors; none of them says how the task ended (P28)."""
        reply = self._call("GET", f"/v1/tasks/{quote(task_id, safe='')}")
        if reply.status != 200:
            raise reply.unclear()
        report = read_task(reply.data)
        if report.id != task_id:
            raise ProviderUnclear("The answer is about another task.")
        return report

    def get_credits(self) -> CreditsReport:
        """Read the key's meter. Raises the three errors."""
        reply = self._call("GET", "/v1/credits")
        if reply.status != 200 or not isinstance(reply.data, dict):
            raise reply.unclear()
        return read_credits(reply.data)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> "_Reply":
        """Send one request. Raises the three errors; of a refusal, the vendor's own envelope."""
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
            response = _transport(reuse=looks).handle_request(request)
            try:
                text = _read_capped(response)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if provably_unsent(error):
                raise ProviderUnavailable(f"Not reached: {type(error).__name__}.") from error
            raise ProviderUnclear(f"No whole answer: {type(error).__name__}.") from error
        reply = _Reply(response.status_code, text, self._read(text))
        refusal = read_error(reply.data)
        if reply.status >= 400 and refusal is not None:
            code, message = refusal
            raise ProviderRefused(status=reply.status, code=code, message=message)
        return reply

    def _read(self, body: bytes) -> object:
        """Return the JSON of a body without our key: the vendor may repeat it, and people read
        that (P33). Before any text is cut, since half a key would not be found.
        """
        try:
            return self._masked(read_json(body))
        except RecursionError:
            return None

    def _masked(self, said: Any) -> Any:
        """Return what was said, whole texts, lists and objects, without our key."""
        if isinstance(said, list):
            return [self._masked(one) for one in said]
        if isinstance(said, dict):
            return {self._masked(name): self._masked(one) for name, one in said.items()}
        if not isinstance(said, str):
            return said
        secret = self._secret.reveal()
        mask = f"sk-…{secret[-4:]}"
        text = said.replace(secret, mask)
        # Cleaning may join what control characters keep apart.
        cleaned = clean_text(text, most=len(text))
        return cleaned.replace(secret, mask) if secret in cleaned else text

    def _picture(self, body: bytes) -> str:
        text = body[:_SHOWN_BYTES].decode(json.detect_encoding(body), "replace")
        plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        return shown(self._masked(clean_text(plain, most=_SHOWN_BYTES)))


@dataclass(frozen=True, slots=True)
class _Reply:
    """An answer that came whole; `data` is its JSON, None where the body is none."""

    status: int
    body: bytes
    data: object

    def unclear(self, *, said: str = "") -> ProviderUnclear:
        """Return the error for an answer that is neither what was asked for nor the envelope."""
        message = f"HTTP {self.status} without the vendor's envelope."
        return ProviderUnclear(message, status=self.status, said=said)


def _read_capped(response: httpx.Response) -> bytes:
    """Read the body within its caps: timeouts bound each wait, not a body that drips for ever."""
    body, ends = bytearray(), time.monotonic() + _BODY_SECONDS
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > _MAX_REPLY_BYTES:
            raise ProviderUnclear("The answer is too large.")
        if time.monotonic() > ends:
            raise ProviderUnclear("The answer does not end.")
    return _unpacked(bytes(body), response.headers.get("Content-Encoding", "identity"))


def _unpacked(body: bytes, coding: str) -> bytes:
    """Unpack what a proxy compressed unasked, within the cap: a few bytes may hold gigabytes.

    Of any other coding, which may be no more than a slip of a header, the bytes are as they came.
    """
    formats = _PACKED.get(coding.strip().lower(), ())
    for window_bits in formats:
        try:
            return _inflated(body, window_bits)
        except zlib.error:
            continue
    return body


def _inflated(body: bytes, window_bits: int) -> bytes:
    """Unpack every member of a packed body. Raises `zlib.error`, `ProviderUnclear` over the cap."""
    unpacked = b""
    while body:
        member = zlib.decompressobj(window_bits)
        unpacked += member.decompress(body, _MAX_REPLY_BYTES + 1 - len(unpacked))
        if len(unpacked) > _MAX_REPLY_BYTES:
            raise ProviderUnclear("The answer is too large.")
        body = member.unused_data
    return unpacked


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
