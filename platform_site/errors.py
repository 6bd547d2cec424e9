"""The base of our error tree: what every refusal carries to whichever border it reaches.

Services raise these; each border translates them once (the API into the vendor's envelope, the
portal into words beside a field). Subclasses live with the domain that raises them.
"""

from typing import Any, ClassVar


class DailiesError(Exception):
    """A refusal with the vendor's three words and, where useful, details.

    Class attributes: ``status`` (HTTP), ``code`` and ``type`` (the vendor's error table, see
    docs/api.md). Instances carry a human ``message`` and a JSON-ready ``details`` mapping.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    type: ClassVar[str] = "api_error"
    message: str = "Unexpected server error."

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


class InvalidRequest(DailiesError):
    """Parameters are missing or invalid (400)."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"
    message = "The request is invalid."


class MethodNotAllowed(InvalidRequest):
    """The path exists, the method does not (405)."""

    status = 405


class Conflict(InvalidRequest):
    """The object is not in a state that allows this (409)."""

    status = 409
    code = "conflict"


class NotFound(DailiesError):
    """Nothing of that name that the caller may see (404)."""

    status = 404
    code = "not_found"
    type = "invalid_request_error"
    message = "Not found."


class PermissionDenied(DailiesError):
    """The caller's role does not allow this (403)."""

    status = 403
    code = "permission_denied"
    type = "permission_error"
    message = "Your role does not allow this."


class Unavailable(DailiesError):
    """Something of ours that the request needs does not work at the moment (503)."""

    status = 503
    code = "unavailable"
    message = "This does not work at the moment. Try again later."
