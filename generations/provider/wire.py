"""Read the vendor's JSON. Shapes: the vendor's page and FACTS.md."""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from generations.provider.errors import ProviderUnclear


class TaskStatus(StrEnum):
    """The vendor's four words."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What the vendor says about one task. Times are unix seconds."""

    id: str
    status: TaskStatus
    created_at: float | None = None
    completed_at: float | None = None
    urls: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class CreditsReport:
    """The vendor's meter of one key, in credits."""

    balance: int | None
    total_purchased: int | None
    total_consumed: int | None


def read_task(data: object) -> TaskReport:
    """Read a task object. Raises `ProviderUnclear` for what is not the vendor's shape."""
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        raise ProviderUnclear("The answer is not a task.")
    try:
        status = TaskStatus(str(data.get("status")))
    except ValueError:
        raise ProviderUnclear(f"Unknown status {str(data.get('status'))[:40]!r}.") from None
    output = _mapping(data.get("output"))
    error = _mapping(data.get("error"))
    urls = output.get("urls")
    return TaskReport(
        id=data["id"],
        status=status,
        created_at=_number(data.get("created_at")),
        completed_at=_number(data.get("completed_at")),
        urls=tuple(url for url in urls if isinstance(url, str)) if isinstance(urls, list) else (),
        metadata=_metadata(output.get("metadata")),
        error_code=_text(error.get("code"), 60),
        error_message=_text(error.get("message"), 2000),
    )


def read_task_id(data: object) -> str | None:
    """Return `data.taskId` of a create reply, or None when the vendor did not give one."""
    reply = _mapping(_mapping(data).get("data"))
    task_id = reply.get("taskId")
    usable = isinstance(task_id, str) and 0 < len(task_id) <= 120 and task_id.isprintable()
    return task_id if usable else None


def names_a_task(data: object) -> bool:
    """Tell whether a create reply has a `data.taskId`, even one that we cannot use."""
    return bool(_mapping(_mapping(data).get("data")).get("taskId"))


def read_credits(data: object) -> CreditsReport:
    """Read the meter. One public client reads `data.credits`, so both names are read."""
    sums = _mapping(_mapping(data).get("data"))
    balance = sums.get("balance", sums.get("credits"))
    return CreditsReport(
        balance=_whole(balance),
        total_purchased=_whole(sums.get("total_purchased")),
        total_consumed=_whole(sums.get("total_consumed")),
    )


def read_error(data: object) -> tuple[str, str] | None:
    """Return (code, message) of the vendor's error envelope, or None for anything else."""
    error = _mapping(data).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return None
    return _text(error["code"], 60), _text(error.get("message"), 2000)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _metadata(value: object) -> dict[str, Any]:
    """Return the metadata we know, in types that every database can store."""
    known = ("seed", "ratio", "duration", "resolution", "generate_audio", "framespersecond")
    plain: dict[str, Any] = {}
    for name, item in _mapping(value).items():
        if name in known and isinstance(item, str):
            plain[name] = _text(item, 60)
        elif name in known and (isinstance(item, bool) or _number(item) is not None):
            plain[name] = item
    return plain


def _text(value: object, length: int) -> str:
    """Return at most `length` characters of text that every database can store."""
    text = str(value or "").replace("\0", "")
    return text.encode("utf-8", "replace").decode()[:length]


def _number(value: object) -> float | None:
    """Return a finite number of sensible size, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compare first: a whole number may be too large to become a float at all.
    return float(value) if abs(value) < 1e12 and math.isfinite(value) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None else None
