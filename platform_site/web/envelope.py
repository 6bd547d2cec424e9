"""The vendor's error envelope, for every way a request can fail."""

from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from platform_site.errors import DailiesError, InvalidRequest, MethodNotAllowed, NotFound
from platform_site.logs import redact

log = structlog.get_logger(__name__)

_WORDS: dict[type[Exception], str] = {
    RequestDataTooBig: "The body is too large.",
    exceptions.UnsupportedMediaType: "The Content-Type is not the one that this path takes.",
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


def exception_handler(raised: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception of a view in the envelope; None lets Django log it and answer 500."""
    error = _translated(raised)
    if error is None:
        log.error("api_failed", exc_info=raised)
        error = DailiesError()
    response = Response(envelope(error), status=error.status)
    if isinstance(raised, exceptions.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def error_response(error: DailiesError) -> JsonResponse:
    """Answer outside of DRF's views in the same envelope."""
    return JsonResponse(envelope(error), status=error.status)


@csrf_exempt
def unknown_path(request: HttpRequest, path: str = "") -> JsonResponse:
    """Answer any path under /v1/ that does not exist (404)."""
    error = NotFound(f"There is nothing at {request.path[:200]}.")
    return error_response(error)


def _translated(raised: Exception) -> DailiesError | None:
    """Return the error to answer with; None for what nobody expected."""
    if isinstance(raised, DailiesError):
        return raised
    if isinstance(raised, exceptions.MethodNotAllowed):
        return MethodNotAllowed("This path does not answer that method.")
    for kind, message in _WORDS.items():
        if isinstance(raised, kind):
            return InvalidRequest(message)
    return None
