"""Download a file from a link that came from outside, and take it up again where it broke off.

Films are large and their links die, so what has arrived is kept: RFC 9110 §14 (ranges) and
§13.1.5 (If-Range) say how to ask for the rest and be sure that it is the rest of the same film.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import IO

import httpx

from platform_site.http.addresses import UrlProblem, url_origin
from platform_site.http.guard import (
    MAX_SENT_URL_LENGTH,
    AddressRefused,
    GuardedClient,
    total_deadline,
)
from platform_site.text.untrusted import clean_text

MAX_REDIRECTS = 3

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({403, 404, 410})
_REASON_LENGTH = 200  # characters
_VALIDATOR_LENGTH = 1000
_HASH_CHUNK_BYTES = 1024 * 1024
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)

AllowedHosts = Callable[[str], bool]
Began = Callable[[str | None], None]


class FetchError(Exception):
    """Base of what `fetch_to_file` raises.

    Attributes:
        reason: One sentence; never the link's path or query, which may be a signature.
        status: The HTTP status, when there was one.
        validator: Pass it to the next try to go on from what the file now holds. None: the next
            try starts from zero.
    """

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.validator: str | None = None


class FetchRefused(FetchError):
    """We do not go there: malformed URL, host not on the list, or an address not public."""


class FetchGone(FetchError):
    """The link is dead (403, 404 or 410)."""


class TooLarge(FetchError):
    """The file is larger than the cap."""


class FetchFailed(FetchError):
    """Something temporary: network, timeout, deadline, or a status worth another try."""


class Interrupted(FetchError):
    """We ended it ourselves, because ``stop`` said so; what came is in the file."""


class Truncated(FetchFailed):
    """The connection ended before the whole file had come."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete download.

    Attributes:
        size: Bytes of the whole file.
        sha256: Hexadecimal digest of the whole file, earlier parts included.
        content_type: As the server says, cleaned, or an empty string.
        resumed_from: Bytes that were there already; 0 when it came in one go.
    """

    size: int
    sha256: str
    content_type: str
    resumed_from: int


def fetch_to_file(
    client: GuardedClient,
    url: str,
    file: IO[bytes],
    *,
    max_bytes: int,
    deadline_seconds: float,
    allowed_hosts: AllowedHosts | None = None,
    max_redirects: int = MAX_REDIRECTS,
    validator: str | None = None,
    on_begin: Began | None = None,
    stop: Callable[[], bool] | None = None,
) -> Fetched:
    """Download ``url`` into ``file``, or what is missing of it.

    Args:
        client: A guarded client; each redirect hop passes its guard again.
        url: The link.
        file: Open for reading and writing in binary, seekable. Without ``validator`` whatever it
            holds is overwritten. It is flushed, not synced, and left open.
        max_bytes: Largest file taken, in bytes. A larger Content-Length is refused unread.
        deadline_seconds: Bound on everything, in seconds of monotonic time; each single read is
            bounded by the client's own timeout.
        allowed_hosts: Called with each hop's host (lower case, ASCII); False refuses it. None
            allows every public host.
        max_redirects: Hops followed. From https to http none is.
        validator: From an earlier try's `FetchError.validator`: ask only for the bytes after
            those in ``file``, provided that the file behind the link is still the same (If-Range).
            When it is not, or the server knows no ranges, the download starts from zero.
        on_begin: Called when a download starts from zero, with its validator or None, before its
            first byte is written: whoever notes it can go on although the process is killed.
        stop: Asked after each piece; True ends the download.

    Returns:
        Size and digest of the whole file.

    Raises:
        FetchRefused: A hop is not allowed; nothing was sent to it.
        FetchGone: The link is dead.
        TooLarge: The file is larger than ``max_bytes``.
        Truncated: It ended early; what came is in ``file``.
        Interrupted: ``stop`` said so; what came is in ``file``.
        FetchFailed: Anything else that may be different next time.
        OSError: Our own disk failed.
    """
    download = _Download(file, max_bytes, validator, on_begin)
    try:
        with total_deadline(deadline_seconds):
            while True:
                headers = download.request_headers()
                with _followed(client, url, headers, allowed_hosts, max_redirects) as response:
                    if download.accept(response):
                        return download.receive(response, stop=stop)
    except FetchError as error:
        error.validator = download.resumable()
        raise
    finally:
        file.flush()


class _Download:
    """The bytes so far, and whether an answer continues or replaces them."""

    def __init__(
        self, file: IO[bytes], max_bytes: int, validator: str | None, on_begin: Began | None
    ) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._on_begin = on_begin
        self._validator = validator
        self._size = file.seek(0, os.SEEK_END) if validator else 0
        self._resumed_from = 0
        self._expected: int | None = None
        self._hash = hashlib.sha256()

    def resumable(self) -> str | None:
        return self._validator if self._size else None

    def request_headers(self) -> Mapping[str, str]:
        if not self._size or self._validator is None:
            return {}
        return {"range": f"bytes={self._size}-", "if-range": self._validator}

    def accept(self, response: httpx.Response) -> bool:
        """Prepare the file for the answer's body; False means: ask again, from zero.

        Raises:
            FetchError: The status is an end.
        """
        status, ranged = response.status_code, self._size > 0
        if status in _GONE:
            raise FetchGone(f"The link no longer works (HTTP {status}).", status=status)
        if status == 200:
            self._start_over(_validator_of(response.headers))
            self._expected = _content_length(response.headers)
        elif ranged and (status == 416 or (status == 206 and not self._continues(response))):
            # Complete already, or not what was asked for: only a whole answer is certain.
            self._start_over(None)
            return False
        elif not ranged or status != 206:
            raise FetchFailed(f"The server answered HTTP {status}.", status=status)
        self._check_body(response)
        return True

    def receive(self, response: httpx.Response, *, stop: Callable[[], bool] | None) -> Fetched:
        """Write the body, hash it, and compare its length with what was announced.

        Raises:
            FetchError: It is too large, breaks off or takes too long.
        """
        try:
            for chunk in response.iter_raw():
                self._append(chunk)
                if stop is not None and stop():
                    raise Interrupted(f"We stopped after {self._size:,} bytes.")
        except (httpx.ReadError, httpx.RemoteProtocolError) as error:
            raise self._truncated() from error
        except httpx.HTTPError as error:
            raise _translated(error) from error
        if self._expected is not None and self._size != self._expected:
            raise self._truncated()
        content_type = clean_text(response.headers.get("content-type"), most=100)
        return Fetched(self._size, self._hash.hexdigest(), content_type, self._resumed_from)

    def _start_over(self, validator: str | None) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._size = self._resumed_from = 0
        self._hash = hashlib.sha256()
        self._validator = validator
        if self._on_begin is not None:
            self._on_begin(validator)

    def _continues(self, response: httpx.Response) -> bool:
        """Return whether a 206 is the rest of what we have, and if so hash what we have."""
        match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
        etag = response.headers.get("etag")
        changed = etag is not None and self._validator != etag and '"' in (self._validator or "")
        if match is None or int(match[1]) != self._size or changed:
            return False
        self._expected = int(match[2]) + 1 if match[3] == "*" else int(match[3])
        self._file.seek(0)
        while chunk := self._file.read(_HASH_CHUNK_BYTES):
            self._hash.update(chunk)
        self._resumed_from = self._size
        return True

    def _check_body(self, response: httpx.Response) -> None:
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise FetchFailed("The server compressed the file, which we did not ask for.")
        if self._expected is not None and self._expected > self._max_bytes:
            raise self._too_large()

    def _append(self, chunk: bytes) -> None:
        if self._size + len(chunk) > self._max_bytes:
            raise self._too_large()
        self._file.write(chunk)
        self._hash.update(chunk)
        self._size += len(chunk)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The file is larger than {self._max_bytes:,} bytes.")

    def _truncated(self) -> Truncated:
        of = "" if self._expected is None else f" of {self._expected:,}"
        return Truncated(f"The connection ended after {self._size:,}{of} bytes.")


@contextmanager
def _followed(
    client: GuardedClient,
    url: str,
    headers: Mapping[str, str],
    allowed_hosts: AllowedHosts | None,
    max_redirects: int,
) -> Iterator[httpx.Response]:
    """Yield the first answer that is no redirect, checking each hop before it is asked."""
    for _ in range(max_redirects + 1):
        response = _asked(client, url, headers, allowed_hosts)
        try:
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or not location:
                yield response
                return
        finally:
            response.close()
        url = _next_hop(response.request.url, location)
    raise FetchFailed(f"The link redirects more than {max_redirects} times.")


def _asked(
    client: GuardedClient, url: str, headers: Mapping[str, str], allowed_hosts: AllowedHosts | None
) -> httpx.Response:
    try:
        url_origin(url, max_length=MAX_SENT_URL_LENGTH)
        request = client.build_request("GET", url, headers=headers)
    except (UrlProblem, httpx.InvalidURL, UnicodeError) as problem:
        raise FetchRefused(str(problem)) from problem
    # Ask about the host that will be connected to: IDNA readings of one URL can differ.
    host = request.url.raw_host.decode("ascii").removesuffix(".")
    if allowed_hosts is not None and not allowed_hosts(host):
        raise FetchRefused(f"The host {host} is not on the list of allowed hosts.")
    try:
        return client.send(request, stream=True)
    except httpx.HTTPError as error:
        raise _translated(error) from error


def _next_hop(current: httpx.URL, location: str) -> str:
    following = current.join(location)
    if current.scheme == "https" and following.scheme != "https":
        raise FetchRefused("The link redirects from https to http.")
    return str(following)


def _translated(error: httpx.HTTPError) -> FetchError:
    if isinstance(error, AddressRefused):
        return FetchRefused(error.reason)
    # Such an error may quote the server.
    return FetchFailed(clean_text(f"{type(error).__name__}: {error}", most=_REASON_LENGTH))


def _content_length(headers: httpx.Headers) -> int | None:
    # With a transfer coding the header is void (RFC 9112 §6.3).
    if "transfer-encoding" in headers or "content-length" not in headers:
        return None
    return int(headers["content-length"])


def _validator_of(headers: httpx.Headers) -> str | None:
    """Return what If-Range may carry: a strong ETag, else a Last-Modified that acts as one.

    RFC 9110 §8.8.2.2: a date is strong when the answer was made at least a second later.
    """
    etag = headers.get("etag")
    if etag is not None:
        return etag if etag.startswith('"') and _can_be_sent(etag) else None
    modified = headers.get("last-modified", "")
    try:
        settled = parsedate_to_datetime(modified) < parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return modified if settled and _can_be_sent(modified) else None


def _can_be_sent(value: str) -> bool:
    """Return whether a server's word can go back to it in a header of ours."""
    return value.isascii() and value.isprintable() and len(value) <= _VALIDATOR_LENGTH
