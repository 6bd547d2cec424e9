"""What the server itself answers, because no application can: the request is not whole."""

import json
import re
from http import HTTPStatus
from uuid import uuid4

from platform_site.web.addresses import is_for_programs

RETRY_SECONDS = 5
# Method and path of a request line that may be broken off or too long; of the rest nothing counts.
_TARGET = re.compile(rb"[\r\n]*[A-Za-z]{1,20} +(?:https?://[^/ ]*)?(/[^ \r\n?#]{0,200})")
_CHUNKS = "The body's chunks are damaged. Send whole chunks, or the body with a Content-Length."
# A space too many in the path is told as a version, too.
_FIRST_LINE = (
    "The request's first line is not valid. Send 'METHOD /path HTTP/1.1', with spaces in the path "
    "percent-encoded."
)
_FAULTS = {
    "ChunkMissingTerminator": _CHUNKS,
    "ExpectationFailed": "The Expect header may say '100-continue' only. Leave it out.",
    "InvalidChunkExtension": _CHUNKS,
    "InvalidChunkSize": _CHUNKS,
    "InvalidHTTPVersion": _FIRST_LINE,
    "InvalidHeader": (
        "A header is not valid. Send each as 'Name: value', and either one Content-Length or one "
        "Transfer-Encoding."
    ),
    "InvalidHeaderName": "The name of a header is not valid. Use letters, digits and hyphens.",
    "InvalidRequestLine": _FIRST_LINE,
    "InvalidRequestMethod": "The method is not valid. Send it in capitals, such as GET or POST.",
    "InvalidSchemeHeaders": "Headers contradict each other about HTTPS. Send one of them only.",
    "LimitRequestHeaders": (
        "The request's headers are too long or too many: at most 100, each of 8 kB, 64 kB in all."
    ),
    "LimitRequestLine": "The address of the request is too long: 4,000 bytes at most.",
    "ObsoleteFolding": "A header goes on in a second line. Send each header in one line.",
    "UnsupportedTransferCoding": (
        "This Transfer-Encoding is not supported. Send 'chunked', or a Content-Length."
    ),
}


class Refused(Exception):
    """A request that does not reach the application; `words` are for the client."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words

    def answer(self, path: str = "") -> bytes:
        """Return the whole answer, which closes the connection.

        A program that called `path` gets the error envelope, anybody else a line of text.
        """
        is_json = is_for_programs(path)
        body = self._envelope() if is_json else f"{self.words}\n".encode()
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "Connection: close",
            f"Content-Type: {'application/json' if is_json else 'text/plain; charset=utf-8'}",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            f"X-Request-ID: {uuid4().hex}",
        ]
        if self.status is HTTPStatus.SERVICE_UNAVAILABLE:
            lines.append(f"Retry-After: {RETRY_SECONDS}")
        elif self.is_final:
            lines.append("x-should-retry: false")
        return "\r\n".join([*lines, "", ""]).encode() + body

    @property
    def is_final(self) -> bool:
        """Return whether the same request is refused again however often it is sent."""
        return self.status < 500 and self.status is not HTTPStatus.REQUEST_TIMEOUT

    def _envelope(self) -> bytes:
        code, kind = "invalid_request", "invalid_request_error"
        if self.status is HTTPStatus.SERVICE_UNAVAILABLE:
            code, kind = "unavailable", "api_error"
        elif self.status is HTTPStatus.INTERNAL_SERVER_ERROR:
            code, kind = "internal_error", "api_error"
        error = {"code": code, "message": self.words, "type": kind}
        return json.dumps({"error": error}).encode()


def path_of(text: bytes) -> str:
    """Return the path that the beginning of a request calls; "" if it does not say."""
    found = _TARGET.match(text)
    return found[1].decode("latin-1") if found else ""


def words_of_fault(kind: str = "") -> str:
    """Say what is wrong with a request and what to send, by the name of the parser's exception.

    By name, because gunicorn's two parsers have classes of their own for the same faults.
    """
    return _FAULTS.get(
        kind, "The request is not valid HTTP. Check its first line, its headers and its length."
    )


def came_too_slowly() -> Refused:
    """Return the refusal of a request whose rest did not come in time."""
    return Refused(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.")


def no_room() -> Refused:
    """Return the refusal of a body that cannot be kept."""
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The server has no room for this request right now. Try again soon.",
    )


def failed() -> Refused:
    """Return the answer to a request over which the application broke down."""
    return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed to answer this request.")
