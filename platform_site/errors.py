"""The base of our error tree: what every refusal carries to whichever border it reaches.

Services raise these; each border translates them once (the API into the vendor's envelope, the
portal into words beside a field). Subclasses live with the domain that raises them.
"""

from enum import StrEnum
from typing import Any, ClassVar


class ErrorCode(StrEnum):
    """What an error envelope of our API says for machines; docs/api.md has the table."""

    INVALID_REQUEST = "invalid_request"
    INVALID_API_KEY = "invalid_api_key"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    IP_NOT_ALLOWED = "ip_not_allowed"
    PERMISSION_DENIED = "permission_denied"
    MODEL_NOT_FOUND = "model_not_found"
    TASK_NOT_FOUND = "task_not_found"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    SPEND_LIMIT_EXCEEDED = "spend_limit_exceeded"
    UPLOAD_LIMIT_EXCEEDED = "upload_limit_exceeded"
    INTERNAL_ERROR = "internal_error"
    UPSTREAM_ERROR = "upstream_error"
    UNAVAILABLE = "unavailable"


class ErrorType(StrEnum):
    """The family of an error code."""

    INVALID_REQUEST = "invalid_request_error"
    AUTHENTICATION = "authentication_error"
    PERMISSION = "permission_error"
    BILLING = "billing_error"
    RATE_LIMIT = "rate_limit_error"
    UPSTREAM = "upstream_error"
    API = "api_error"


class DailiesError(Exception):
    """A refusal with the vendor's three words and, where useful, details.

    Class attributes: ``status`` (HTTP), ``code`` and ``type`` (of the API's envelope). Instances
    carry a human ``message`` and a JSON-ready ``details`` mapping.
    """

    status: ClassVar[int] = 500
    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL_ERROR
    type: ClassVar[ErrorType] = ErrorType.API
    message: str = "Unexpected server error."
    # Seconds after which it is worth asking again; None where nobody can say.
    retry_seconds: ClassVar[int | None] = None

    def __init__(
        self,
        message: str | None = None,
        *,
        details: dict[str, Any] | None = None,
        field: str | None = None,
    ) -> None:
        """Carry `message`, JSON-ready `details` and the name of the offending `field`, if any."""
        self.message = message or self.message
        self.details = details or {}
        self.field = field
        super().__init__(self.message)

    @property
    def is_final(self) -> bool:
        """Return whether the same request is refused again however often it is sent."""
        return self.status < 500


class InvalidRequest(DailiesError):
    """Parameters are missing or invalid (400)."""

    status = 400
    code = ErrorCode.INVALID_REQUEST
    type = ErrorType.INVALID_REQUEST
    message = "The request is invalid."


class MethodNotAllowed(InvalidRequest):
    """The path exists, the method does not (405)."""

    status = 405


class Conflict(InvalidRequest):
    """The object is not in a state that allows this (409)."""

    status = 409
    code = ErrorCode.CONFLICT


class NotFound(DailiesError):
    """Nothing of that name that the caller may see (404)."""

    status = 404
    code = ErrorCode.NOT_FOUND
    type = ErrorType.INVALID_REQUEST
    message = "Not found."


class PermissionDenied(DailiesError):
    """The caller's role does not allow this (403)."""

    status = 403
    code = ErrorCode.PERMISSION_DENIED
    type = ErrorType.PERMISSION
    message = "Your role does not allow this."


class Unavailable(DailiesError):
    """Something of ours that the request needs does not work at the moment (503)."""

    status = 503
    code = ErrorCode.UNAVAILABLE
    retry_seconds = 5
    message = "This is not available right now. Try again later."
