"""The table of the API's errors, and checking a reply against it."""

import json
from typing import Any

# The vendor's page, "Error Reference"; the rows behind 503 are ours.
TYPES = {
    (400, "invalid_request"): "invalid_request_error",
    (401, "invalid_api_key"): "authentication_error",
    (402, "insufficient_credits"): "billing_error",
    (403, "ip_not_allowed"): "permission_error",
    (404, "model_not_found"): "invalid_request_error",
    (404, "task_not_found"): "invalid_request_error",
    (429, "rate_limit_exceeded"): "rate_limit_error",
    (429, "spend_limit_exceeded"): "billing_error",
    (500, "internal_error"): "api_error",
    (503, "upstream_error"): "upstream_error",
    (404, "not_found"): "invalid_request_error",
    (405, "invalid_request"): "invalid_request_error",
    (403, "permission_denied"): "permission_error",
    (429, "upload_limit_exceeded"): "rate_limit_error",
    (503, "unavailable"): "api_error",
}


def error_of(reply: Any, status: int, code: str) -> dict[str, Any]:
    """Check a refusal against its row of the table; return what is inside the envelope."""
    assert reply.status_code == status, reply.content
    assert reply["Content-Type"] == "application/json"
    body = json.loads(reply.content)
    assert list(body) == ["error"]
    error: dict[str, Any] = body["error"]
    assert set(error) - {"details"} == {"code", "message", "type"}
    assert (error["code"], error["type"]) == (code, TYPES[status, code])
    assert isinstance(error["message"], str)
    assert error["message"]
    return error
