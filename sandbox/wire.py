"""The vendor's wire shapes: its error envelope, its task object, its balance."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from sandbox.directives import script_of
from sandbox.film.sizes import FRAMES_PER_SECOND, RESOLUTIONS
from sandbox.store import Account, Task

MODEL: Final = "doubao-seedance-1.5-pro"

# The page's error reference: code -> (HTTP status, type, the message used when none is given).
ERRORS: Final[Mapping[str, tuple[int, str, str]]] = {
    "invalid_request": (400, "invalid_request_error", "Missing or invalid parameters."),
    "invalid_api_key": (
        401,
        "authentication_error",
        "API key is invalid, disabled, or deleted.",
    ),
    "insufficient_credits": (
        402,
        "billing_error",
        "Your credit balance is too low. Please top up.",
    ),
    "ip_not_allowed": (403, "permission_error", "Request IP is not in the key's allowlist."),
    "model_not_found": (404, "invalid_request_error", "Model does not exist or is inactive."),
    "task_not_found": (404, "invalid_request_error", "Task ID does not exist."),
    "rate_limit_exceeded": (429, "rate_limit_error", "Too many requests, please slow down."),
    "spend_limit_exceeded": (429, "billing_error", "Key spend limit reached."),
    "internal_error": (500, "api_error", "Unexpected server error."),
    "upstream_error": (503, "upstream_error", "The provider is temporarily unavailable."),
}


class ApiError(Exception):
    """Refuse a request with one row of the page's error reference."""

    def __init__(self, code: str, message: str | None = None, *, status: int | None = None) -> None:
        """Take the row of `code`; `message` and `status` replace the row's own."""
        row_status, self.type, row_message = ERRORS[code]
        self.code = code
        self.status = status or row_status
        self.message = message or row_message
        super().__init__(self.message)

    def body(self) -> dict[str, Any]:
        """Return the envelope."""
        return {"error": {"code": self.code, "message": self.message, "type": self.type}}


def accepted_body(task_id: str) -> dict[str, Any]:
    """Return the reply to a create call."""
    return {"code": 200, "msg": "success", "data": {"taskId": task_id}}


def credits_body(account: Account) -> dict[str, Any]:
    """Return the reply to `GET /v1/credits`."""
    return {
        "code": 200,
        "msg": "success",
        "data": {
            "balance": account.balance,
            "total_purchased": account.purchased,
            "total_consumed": account.consumed,
        },
    }


def task_body(task: Task) -> dict[str, Any]:
    """Return the object of `GET /v1/tasks/{id}`, which a callback carries too."""
    body: dict[str, Any] = {
        "id": task.id,
        "status": task.status,
        "model": task.model,
        "created_at": int(task.accepted_at),
    }
    if task.status == "completed":
        body["completed_at"] = int(task.completed_at or 0)
        body["output"] = _output(task)
    elif task.status == "failed":
        body["error"] = {"code": task.error_code, "message": task.error_message}
    else:
        body["progress"] = None
    return body


def _output(task: Task) -> dict[str, Any]:
    request = json.loads(task.request)
    script = script_of(task.prompt)
    metadata = {
        "seed": task.seed,
        "ratio": request["aspect_ratio"],
        "duration": request["duration"],
        "resolution": request["resolution"],
        "generate_audio": request["generate_audio"],
        "framespersecond": FRAMES_PER_SECOND,
    }
    if script.has("wrong-metadata"):
        metadata["duration"] += 1
        metadata["resolution"] = next(r for r in RESOLUTIONS if r != request["resolution"])
    urls = [] if script.has("no-url") else [f"{task.origin}/files/{task.link}.mp4"]
    return {"urls": urls, "metadata": metadata}


def callback_headers(task_id: str, status: str) -> dict[str, str]:
    """Return the vendor's callback headers; there is no signature among them."""
    return {
        "X-Event": f"task.{status}",
        "X-Task-Id": task_id,
        "X-Timestamp": str(int(time.time())),
    }
