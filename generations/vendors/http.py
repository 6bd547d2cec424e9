"""One HTTP request to a vendor, and what its outcome proves. Never a second one.

For clients to send with: bodies are bounded as they come and as they unpack, the key is masked in
whatever was said before any text is cut, and a create never takes a used connection.
"""

import json
import re
import ssl
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from generations.vendors.base import ProviderUnavailable, ProviderUnclear, UnclearCause
from generations.vendors.reading import read_json
from platform_site.http import provably_unsent
from platform_site.secrets.cipher import Secret
from platform_site.text.untrusted import clean_text, shown

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


@dataclass(frozen=True, slots=True)
class VendorReply:
    """An answer that came whole; `data` is its JSON without our key, None where the body is none.

    `body` is as it came, and may hold the key: see `VendorHttp.picture`.
    """

    status: int
    body: bytes = field(repr=False)
    data: object

    def unclear(self, *, said: str = "") -> ProviderUnclear:
        """Return the error for an answer that is neither what was asked for nor the envelope."""
        message = f"HTTP {self.status} without the vendor's envelope."
        return ProviderUnclear(
            message, cause=UnclearCause.NO_ENVELOPE, status=self.status, said=said
        )


class VendorHttp:
    """Sends for one key. `mask` stands for the key wherever a vendor repeats it (P33)."""

    def __init__(self, *, secret: Secret, mask: str) -> None:
        """Bind the key and what is shown of it."""
        self._secret = secret
        self._mask = mask

    def create(
        self, url: str, body: object, *, headers: Mapping[str, str], timeout: httpx.Timeout
    ) -> VendorReply:
        """POST `body` as JSON on a connection of its own.

        Raises `ProviderUnavailable` when it was provably not sent, else `ProviderUnclear`.
        """
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", **headers}
        return self._send("POST", url, headers, timeout, content=content, reuse=False)

    def look(self, url: str, *, headers: Mapping[str, str], timeout: httpx.Timeout) -> VendorReply:
        """GET, on a connection that may have been used before. Raises as `create` does."""
        return self._send("GET", url, headers, timeout, content=None, reuse=True)

    def picture(self, reply: VendorReply) -> str:
        """Return the beginning of what was said, for a log, without our key."""
        text = reply.body[:_SHOWN_BYTES].decode(json.detect_encoding(reply.body), "replace")
        plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        return shown(self._masked(clean_text(plain, most=_SHOWN_BYTES)))

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeout: httpx.Timeout,
        *,
        content: bytes | None,
        reuse: bool,
    ) -> VendorReply:
        usual = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "dailies",
        }
        try:
            request = httpx.Request(
                method,
                url,
                headers={**usual, **headers},
                content=content,
                extensions={"timeout": timeout.as_dict()},
            )
            response = _transport(reuse=reuse).handle_request(request)
            try:
                body = _read_capped(response)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if provably_unsent(error):
                raise ProviderUnavailable(f"Not reached: {type(error).__name__}.") from error
            name = type(error).__name__
            raise ProviderUnclear(
                f"No whole answer: {name}.", cause=UnclearCause.BROKEN_OFF, error=name
            ) from error
        return VendorReply(response.status_code, body, self._read(body))

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
        text = said.replace(secret, self._mask)
        # Cleaning may join what control characters keep apart.
        cleaned = clean_text(text, most=len(text))
        return cleaned.replace(secret, self._mask) if secret in cleaned else text


def _read_capped(response: httpx.Response) -> bytes:
    """Read the body within its caps: timeouts bound each wait, not a body that drips forever."""
    body, ends = bytearray(), time.monotonic() + _BODY_SECONDS
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > _MAX_REPLY_BYTES:
            raise ProviderUnclear("The answer is too large.", cause=UnclearCause.TOO_LARGE)
        if time.monotonic() > ends:
            raise ProviderUnclear("The answer does not end.", cause=UnclearCause.ENDLESS)
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
            raise ProviderUnclear("The answer is too large.", cause=UnclearCause.TOO_LARGE)
        body = member.unused_data
    return unpacked


def _transport(*, reuse: bool) -> httpx.HTTPTransport:
    """Return this thread's connections. A create never reuses one: one that the vendor closes just
    then would leave it unknown whether the generation was accepted.
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
