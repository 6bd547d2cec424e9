"""Post a signed body to a receiver somebody else named: outgoing webhooks (P31)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from platform_site.http.addresses import UrlProblem, url_origin
from platform_site.http.guard import (
    MAX_SENT_URL_LENGTH,
    AddressRefused,
    GuardedClient,
    provably_unsent,
    total_deadline,
)

SNIPPET_BYTES = 1000
DEADLINE_SECONDS = 15.0
# The status is what was asked for: its explanation is not waited for much longer.
REPLY_SECONDS = 2.0

# PostgreSQL's text takes no NUL, and nobody's log wants the rest.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class PostError(Exception):
    """Base of what `post_json` raises.

    Attributes:
        reason: One sentence without path, query, headers or body.
        unsent: Whether it is proven that the receiver got nothing.
    """

    def __init__(self, reason: str, *, unsent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unsent = unsent


class PostRefused(PostError):
    """We do not send there: the URL is malformed or its address is not public."""


class PostFailed(PostError):
    """No answer came: connection, TLS, timeout or a broken reply. Worth another try."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver answered.

    Attributes:
        status: The HTTP status; a redirect (3xx) is reported, never followed.
        snippet: The beginning of its reply, at most 1,000 bytes as UTF-8, safe to store and show
            as text (it is still the receiver's text: escape it).
        retry_after: The header of that name, unread; empty when there is none.
    """

    status: int
    snippet: str
    retry_after: str = ""


def post_json(
    client: GuardedClient,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Reply:
    """Post bytes that are already JSON, exactly as given, so that a signature over them holds.

    Args:
        client: A guarded client.
        url: Where to; checked again here and when connecting.
        body: The request's body.
        headers: Further headers, such as the signature.
        deadline_seconds: Bound on everything, in seconds of monotonic time.

    Returns:
        The status and the reply's beginning; the rest stays unread. A reply that breaks off, or
        does not come to its end, after its status still counts: the receiver has answered.

    Raises:
        PostRefused: The URL or its address is refused; nothing was sent.
        PostFailed: No status came; ``unsent`` says whether it may have been received.
    """
    request = _request(client, url, body, headers)
    try:
        with total_deadline(deadline_seconds):
            response = client.send(request, stream=True)
            try:
                with total_deadline(REPLY_SECONDS):
                    snippet = _snippet(read_capped(response, SNIPPET_BYTES))
                asked = response.headers.get("retry-after", "")
                return Reply(response.status_code, snippet, asked)
            finally:
                response.close()
    except AddressRefused as refused:
        raise PostRefused(refused.reason, unsent=True) from refused
    except httpx.HTTPError as error:
        reason = f"{type(error).__name__}: {error}"
        raise PostFailed(reason, unsent=provably_unsent(error)) from error


def _request(
    client: GuardedClient, url: str, body: bytes, headers: Mapping[str, str]
) -> httpx.Request:
    sent_headers = httpx.Headers({"content-type": "application/json"})
    sent_headers.update(headers)
    try:
        url_origin(url, max_length=MAX_SENT_URL_LENGTH)
        return client.build_request("POST", url, content=body, headers=sent_headers)
    except (UrlProblem, httpx.InvalidURL, UnicodeError) as problem:
        raise PostRefused(str(problem), unsent=True) from problem


def read_capped(response: httpx.Response, max_bytes: int) -> bytes:
    """Read a streamed reply up to a cap in bytes, keeping what came if it breaks off.

    The bytes are as sent: nothing is unpacked.
    """
    read = bytearray()
    try:
        for chunk in response.iter_raw():
            read += chunk
            if len(read) >= max_bytes:
                break
    except httpx.TransportError:
        # The status is what was asked for; half an explanation is better than none.
        pass
    return bytes(read[:max_bytes])


def _snippet(reply: bytes) -> str:
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", reply.decode("utf-8", errors="replace"))
    return text.encode()[:SNIPPET_BYTES].decode(errors="ignore")
