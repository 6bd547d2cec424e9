"""What every request gets: an id, and an answer that its client can read."""

import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django_structlog.middlewares import RequestMiddleware

from platform_site.requests import HasMeta, client_address

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._\-]{8,64}\Z")
_UNREAD_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class UnreadBodyMiddleware:
    """Read what a refused request still sends, up to 64 MB, before it is answered.

    A server that closes a connection with bytes unread resets it, and many clients then lose the
    answer that says what was wrong (RFC 9112 §9.6).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, then read the rest."""
        response = self.get_response(request)
        # Django sees a body without a length, in chunks, as empty.
        source = request.META["wsgi.input"] if is_chunked(request) else request
        left = _UNREAD_BYTES
        try:
            while left > 0 and (chunk := source.read(_CHUNK_BYTES)):
                left -= len(chunk)
        except (OSError, UnreadablePostError):
            pass  # The client has gone; the server will notice.
        return response


def is_chunked(request: HasMeta) -> bool:
    """Tell whether the body comes in chunks, without a length."""
    return "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()


class RequestLogMiddleware(RequestMiddleware):
    """Log requests with the client's address as the rest of the site sees it.

    The library would believe any caller's X-Forwarded-For.
    """

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Bind the address to the request's log lines."""
        structlog.contextvars.bind_contextvars(ip=client_address(request))


class RequestIdMiddleware:
    """Keep a sane id that a proxy sent, else make one; echo it in the response.

    Logs, entries and events carry it (P35).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set the id where structlog's middleware and our actors read it."""
        # Not `request.headers`: it would remember what was there before we set ours.
        sent = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = sent if _SANE.match(sent) else uuid.uuid4().hex
        request.META["HTTP_X_REQUEST_ID"] = request_id
        response = self.get_response(request)
        response[HEADER] = request_id
        return response
