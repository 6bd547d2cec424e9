"""The vendor's error envelope, for every way a request can fail."""

import time
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from platform_site.errors import DailiesError, InvalidRequest, MethodNotAllowed
from platform_site.logs import redact
from platform_site.web.trouble import unavailable

log = structlog.get_logger(__name__)

_WORDS: dict[type[Exception], str] = {
    RequestDataTooBig: "The body is too large.",
    exceptions.ParseError: "The body cannot be read.",
    # Too many fields or files, or a file name that leads elsewhere.
    SuspiciousOperation: "The body cannot be read.",
}


def envelope(error: DailiesError) -> dict[str, Any]:
    """Return the three fields of the vendor's envelope, and ours in `details`.

    What somebody sent where it does not belong is repeated, but never a key (P33).
    """
    message = redact(error.message)
    body: dict[str, Any] = {"code": error.code, "message": message, "type": error.type}
    details = dict(error.details)
    if error.field:
        details.setdefault("field", redact(error.field))
    if details:
        body["details"] = details
    return {"error": body}


def headers_of(error: DailiesError) -> dict[str, str]:
    """Return what HTTP has to say about a refusal: who may ask, whether and when to ask again, and
    that nobody is to store it.

    `Retry-After` stands wherever it is known when there is room again, `x-should-retry: false`
    where the same request would only be refused once more.
    """
    headers = {"Cache-Control": "no-store"}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="Dailies"'
    resets_at = error.details.get("resets_at")
    if isinstance(resets_at, int):
        headers["Retry-After"] = str(max(1, resets_at - int(time.time())))
    elif error.retry_seconds is not None:
        headers["Retry-After"] = str(error.retry_seconds)
    if error.is_final:
        headers["x-should-retry"] = "false"
    return headers


def exception_handler(raised: Exception, context: dict[str, Any]) -> Response:
    """Answer an exception of a view in the envelope; what nobody expected is logged as a 500."""
    error = _translated(raised)
    if error is None:
        log.error("api_failed", exc_info=raised)
        error = DailiesError()
    response = Response(envelope(error), status=error.status, headers=headers_of(error))
    if isinstance(raised, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def error_response(error: DailiesError) -> JsonResponse:
    """Answer outside of DRF's views in the same envelope."""
    return JsonResponse(envelope(error), status=error.status, headers=headers_of(error))


def _translated(raised: Exception) -> DailiesError | None:
    """Return the error to answer with; None for what nobody expected."""
    if isinstance(raised, DailiesError):
        return raised
    if isinstance(raised, exceptions.MethodNotAllowed):
        return MethodNotAllowed("This path does not answer that method.")
    for kind, message in _WORDS.items():
        if isinstance(raised, kind):
            return InvalidRequest(message)
    return unavailable(raised)
