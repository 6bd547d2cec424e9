"""Read the vendor's JSON. Shapes: the vendor's page, and docs/vendor.md.

Whatever is read here can be stored, shown and logged: `clean_text` cleans every text, and
`read_number` bounds every number. What is said in other names or wrappers than the page's is read
alike: an answer is not missing because it is dressed otherwise.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from generations.vendors.aivideoapi.facts import (
    BALANCE_NAMES,
    LINK_NAMES,
    OUTPUT_NAMES,
    STATUSES,
    TASK_ID_NAMES,
    VIDEO_NAMES,
)
from generations.vendors.aivideoapi.refusals import is_moderation
from generations.vendors.base import ProviderUnclear
from generations.vendors.reading import (
    UnreadableLinks,
    holds_link,
    links_said,
    mapping,
    read_links,
    read_number,
    unwrapped,
    usable_task_id,
    words_of_error,
)
from generations.vendors.reports import METADATA_NAMES, CreditsReport, TaskReport, TaskStatus
from platform_site.text.untrusted import clean_text

_LATEST = 253_402_300_799  # unix seconds: the last one that a datetime can hold
_EARLIEST_MILLISECONDS = 10**11  # as seconds it lies in the year 5138
_MOST_CREDITS = 10**15
_MOST_METADATA = 2**63 - 1
_WORD = re.compile(r"[A-Za-z_ ]{1,40}")  # short, and no secret
_NUMBERS = frozenset({"seed", "duration", "framespersecond"})
_TRUTHS = {"true": True, "false": False}


def read_task(data: object) -> TaskReport:
    """Read a task object. Raises `ProviderUnclear` for what is not the vendor's shape."""
    task = _task_in(data)
    task_id, said = _read_task_id(task), task.get("status")
    if task_id is None:
        raise ProviderUnclear("The answer is not a task.")
    status = STATUSES.get(said.strip().lower()) if isinstance(said, str) else None
    if status is None:
        word = f" {said!r}" if isinstance(said, str) and _WORD.fullmatch(said) else ""
        raise ProviderUnclear(f"Unknown status{word}.")
    code, message = words_of_error(task.get("error"))
    output = next((task[name] for name in OUTPUT_NAMES if task.get(name)), None)
    links = _links_of(task, output) if status == TaskStatus.COMPLETED else None
    urls, link_problem = read_links(links)
    return TaskReport(
        id=task_id,
        status=status,
        created_at=_read_time(task.get("created_at")),
        completed_at=_read_time(task.get("completed_at")),
        urls=urls,
        link_problem=link_problem,
        links_said=links_said(links) if link_problem else "",
        metadata=_metadata(mapping(output).get("metadata")),
        error_code=code,
        error_message=message,
        moderated=is_moderation(message),
    )


def holds_task(data: object) -> bool:
    """Return whether an answer is about a task at all: it has an id and a status."""
    return bool(_task_in(data))


def posted_task_id(data: object) -> str | None:
    """Return the id that a callback's body names, None where there is none that can be stored."""
    return _read_task_id(_task_in(data) or unwrapped(data, named=TASK_ID_NAMES))


def read_credits(data: object) -> CreditsReport:
    """Read the usage, its balance under either of its names."""
    usual, other = BALANCE_NAMES
    sums = dict(unwrapped(data, named=(usual, other, "total_purchased", "total_consumed")))
    sums.setdefault(usual, sums.get(other))
    read: dict[str, int | None] = {}
    unreadable = ""
    for name in ("balance", "total_purchased", "total_consumed"):
        number = read_number(sums.get(name), least=-_MOST_CREDITS, most=_MOST_CREDITS)
        read[name] = None if number is None else round(number)
        if number is None and sums.get(name) is not None:
            unreadable = f"The vendor's {name} is not a number of credits."
    return CreditsReport(**read, problem=unreadable)


def _task_in(data: object) -> dict[str, Any]:
    return unwrapped(data, named=TASK_ID_NAMES, beside="status")


def _read_task_id(task: Mapping[str, Any]) -> str | None:
    given = next((task[name] for name in reversed(TASK_ID_NAMES) if task.get(name)), None)
    is_number = isinstance(given, int) and not isinstance(given, bool)
    return usable_task_id(str(given) if is_number else given)


def _links_of(task: Mapping[str, Any], output: object) -> object:
    """Return what stands for the links of a completed task; None where there is nothing.

    Raises `ProviderUnclear` when a link stands where none is looked for.
    """
    if isinstance(output, str | list):
        return output
    inner = mapping(output)
    found = next((inner[name] for name in LINK_NAMES if inner.get(name)), None)
    found = found or next((task[name] for name in VIDEO_NAMES if task.get(name)), None)
    if found is None and not any(name in inner for name in LINK_NAMES) and holds_link(inner):
        raise UnreadableLinks
    return found


def _read_time(value: object) -> float | None:
    """Return unix seconds from seconds, milliseconds or a date with its zone; None else."""
    if isinstance(value, str) and "T" in value:
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        value = moment.timestamp() if moment.tzinfo else None
    number = read_number(value, least=0, most=_LATEST * 1000)
    if number is not None and number >= _EARLIEST_MILLISECONDS:
        number /= 1000
    return number


def _metadata(value: object) -> dict[str, Any]:
    """Return the metadata we know, whose names are the page's own ("Completed"): text, truth values
    and numbers, nothing else.
    """
    plain: dict[str, Any] = {}
    for name in METADATA_NAMES:
        item = mapping(value).get(name)
        number = None
        if name in _NUMBERS or not isinstance(item, str):
            number = read_number(item, least=-_MOST_METADATA, most=_MOST_METADATA)
        if isinstance(item, bool):
            plain[name] = item
        elif number is not None:
            plain[name] = number
        elif isinstance(item, str):
            text = clean_text(item, most=60)
            plain[name] = _TRUTHS.get(text.lower(), text) if name == "generate_audio" else text
    return plain
