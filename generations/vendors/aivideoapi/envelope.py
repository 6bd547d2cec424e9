"""Read the vendor's refusals and acceptances, in whichever of its envelopes they come. Pure.

Its pages have `{"error": {"code", "message"}}` and `{"code", "msg", "data"}`; clients have seen the
second one refuse too, under HTTP 200.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generations.vendors.aivideoapi.facts import (
    CODE_STATUSES,
    STATUS_CODES,
    TASK_ID_NAMES,
    UPSTREAM_ERROR,
)
from generations.vendors.reading import (
    MAX_CODE,
    MAX_MESSAGE,
    mapping,
    read_number,
    unwrapped,
    usable_task_id,
    words_of_error,
)
from platform_site.text.untrusted import clean_text

_SUCCESS = frozenset({0, 200})
# What may stand beside `data` without saying that something was accepted.
_EMPTY_WORDS = frozenset(
    {"code", "msg", "message", "success", "error", "errors", "type", "request_id", "timestamp"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the vendor said no with. `status` is what HTTP would say, whatever it did say."""

    status: int
    code: str
    message: str


def read_refusal(data: object, *, status: int) -> Refusal | None:
    """Return the refusal in an answer of HTTP `status`; None where nothing clearly is one.

    Only what its error table has is clear: a status beyond it, of whatever stands between, proves
    nothing about the request (P22).
    """
    said = mapping(data)
    code, message = _error_of(said)
    own_word = mapping(said.get("error")).get("code")
    if code in CODE_STATUSES:
        return Refusal(status if status >= 400 else CODE_STATUSES[code], code, message)
    if isinstance(own_word, str) and not code.isdigit():
        return Refusal(status, code or UPSTREAM_ERROR, message) if status >= 400 else None
    number = read_number(code or None, least=100, most=599)
    if number is None and message and status >= 400:
        # In no envelope of the vendor's own: a server's trouble may lie before it or behind it.
        number = status if status < 500 else None
    if number not in STATUS_CODES or (status >= 400 and status != number):
        return None
    return Refusal(int(number), STATUS_CODES[int(number)], message)


def unproven_refusal(data: object) -> Refusal | None:
    """Return what an answer under a success's status that accepted nothing says; None where it may
    have accepted.

    Clients: a reply without a task id is not accepted. One that holds anything else is not known.
    """
    if not isinstance(data, dict):
        return None
    if any(_says_something(value) for name, value in data.items() if name not in _EMPTY_WORDS):
        return None
    code, message = _error_of(data)
    if code.isdigit() and int(code) in _SUCCESS:
        message = ""
    return Refusal(503, UPSTREAM_ERROR, message or "The reply carried no task id.")


def named_task(data: object) -> object:
    """Return the task id of a create reply as it is, None when the vendor did not give one."""
    refused = read_refusal(data, status=200) is not None
    inner = mapping(data).get("data")
    if isinstance(inner, str):
        return inner if _looks_like_id(inner) and not refused else None
    # Beside a refusal an `id` may be the request's; a task's own name says that there is one.
    names = TASK_ID_NAMES[:-1] if refused else TASK_ID_NAMES
    found = unwrapped(inner if "data" in mapping(data) else data, named=names)
    given = (found.get(name) for name in names)
    return next((one for one in given if one is not None and one != ""), None)


def _error_of(said: Mapping[str, Any]) -> tuple[str, str]:
    """Return (code, message) from wherever an envelope has them; each "" if it has none."""
    for name in ("error", "errors"):
        code, message = words_of_error(said.get(name))
        if code or message:
            outer = "" if code else clean_text(said.get("code"), most=MAX_CODE)
            return code or outer, message
    code, message = words_of_error(said)
    if said.get("success") is False or code:
        return code, message or clean_text(said.get("data"), most=MAX_MESSAGE)
    return "", ""


def _says_something(value: object) -> bool:
    if isinstance(value, dict):
        return any(one not in (None, "") for one in value.values())
    return value not in (None, "", [], False)


def _looks_like_id(text: str) -> bool:
    """Return whether a bare text is an id, not a sentence: one word with a digit."""
    return usable_task_id(text) is not None and " " not in text and any(map(str.isdigit, text))
