"""Refusals about people and keys, in the vendor's words (its error table)."""

from platform_site.errors import DailiesError, ErrorCode, ErrorType


class InvalidApiKey(DailiesError):
    """The key is missing, malformed, unknown, disabled, expired or deleted (401).

    One message for all of them: a stranger learns nothing about which keys exist.
    """

    status = 401
    code = ErrorCode.INVALID_API_KEY
    type = ErrorType.AUTHENTICATION
    message = "API key is invalid, disabled, or deleted."


class IpNotAllowed(DailiesError):
    """The caller's address is not on the key's allow-list (403)."""

    status = 403
    code = ErrorCode.IP_NOT_ALLOWED
    type = ErrorType.PERMISSION
    message = "Request IP is not in the key's allowlist."


class RateLimitExceeded(DailiesError):
    """A key, a person or an address asked more often than it may in a minute (429)."""

    status = 429
    code = ErrorCode.RATE_LIMIT_EXCEEDED
    type = ErrorType.RATE_LIMIT
    message = "Too many requests, please slow down."

    @property
    def is_final(self) -> bool:
        """Return false: the next minute has room again."""
        return False
