"""What every request gets: an id, and an address without what no database takes."""

import logging
import re
import uuid
from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

from platform_site.web.requests import actor_request_id, client_address

log = structlog.get_logger(__name__)

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._\-]{8,64}\Z")


class RequestLogMiddleware(RequestMiddleware):
    """Log requests with the client's address as the rest of the site sees it.

    The library would believe any caller's X-Forwarded-For.
    """

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Bind the address to the request's log lines."""
        structlog.contextvars.bind_contextvars(ip=client_address(request))


class ProgramLogMiddleware:
    """Bind what lines about a program's request have in common, and log what was refused.

    What goes on at every call is no line of the log; what failed is logged for all by the library.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        structlog.contextvars.bind_contextvars(
            request_id=actor_request_id(request), ip=client_address(request)
        )
        try:
            response = self.get_response(request)
            if response.status_code >= HTTPStatus.BAD_REQUEST:
                is_ours = response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
                log.log(
                    logging.ERROR if is_ours else logging.WARNING,
                    "request_finished",
                    code=response.status_code,
                    request=f"{request.method} {request.get_full_path()}",
                )
        finally:
            structlog.contextvars.clear_contextvars()
        return response


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


class CleanQueryMiddleware:
    """Take NUL out of a query, and out of a path: PostgreSQL answers it with an error.

    In a path a character that no name or id has stands in its place, so that every address
    answers in its own words that there is no such thing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the cleaned request."""
        request.path_info = request.path_info.replace("\0", "\N{REPLACEMENT CHARACTER}")
        query = request.META.get("QUERY_STRING", "")
        request.META["QUERY_STRING"] = query.replace("%00", "").replace("\0", "")
        return self.get_response(request)
