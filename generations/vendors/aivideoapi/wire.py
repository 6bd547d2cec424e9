"""Read the vendor's JSON. Shapes: the vendor's page, and docs/vendor.md.

Whatever is read here can be stored, shown and logged: `clean_text` cleans every text, and
`clean_number` bounds every number.
"""

import re
from typing import Any

from generations.vendors.aivideoapi.facts import BALANCE_NAMES, STATUSES, UPSTREAM_ERROR
from generations.vendors.aivideoapi.refusals import is_moderation
from generations.vendors.base import ProviderUnclear
from generations.vendors.reading import (
    MAX_CODE,
    MAX_MESSAGE,
    links_said,
    mapping,
    read_links,
    usable_task_id,
)
from generations.vendors.reports import METADATA_NAMES, CreditsReport, TaskReport
from platform_site.untrusted import clean_number, clean_text

_LATEST = 253_402_300_799  # unix seconds: the last one that a datetime can hold
_MOST_CREDITS = 10**15
_MOST_METADATA = 2**63 - 1
_WORD = re.compile(r"[A-Za-z_ ]{1,40}")  # short, and no secret


def read_task(data: object) -> TaskReport:
    """Read a task object. Raises `ProviderUnclear` for what is not the vendor's shape."""
    task = mapping(data)
    task_id, status = usable_task_id(task.get("id")), task.get("status")
    if task_id is None:
        raise ProviderUnclear("The answer is not a task.")
    if not isinstance(status, str) or status not in STATUSES:
        word = f" {status!r}" if isinstance(status, str) and _WORD.fullmatch(status) else ""
        raise ProviderUnclear(f"Unknown status{word}.")
    output = mapping(task.get("output"))
    error = mapping(task.get("error"))
    error_message = clean_text(error.get("message"), most=MAX_MESSAGE)
    urls, link_problem = read_links(output.get("urls"))
    return TaskReport(
        id=task_id,
        status=STATUSES[status],
        created_at=clean_number(task.get("created_at"), least=0, most=_LATEST),
        completed_at=clean_number(task.get("completed_at"), least=0, most=_LATEST),
        urls=urls,
        link_problem=link_problem,
        links_said=links_said(output.get("urls")) if link_problem else "",
        metadata=_metadata(output.get("metadata")),
        error_code=clean_text(error.get("code"), most=MAX_CODE),
        error_message=error_message,
        moderated=is_moderation(error_message),
    )


def named_task(data: object) -> object:
    """Return `data.taskId` of a create reply as it is, None when the vendor did not give one."""
    named = mapping(mapping(data).get("data")).get("taskId")
    return None if named == "" else named


def read_credits(data: object) -> CreditsReport:
    """Read the meter, its balance under either of its names."""
    sums = dict(mapping(mapping(data).get("data")))
    usual, other = BALANCE_NAMES
    sums.setdefault(usual, sums.get(other))
    read: dict[str, int | None] = {}
    unreadable = ""
    for name in ("balance", "total_purchased", "total_consumed"):
        number = clean_number(sums.get(name), least=-_MOST_CREDITS, most=_MOST_CREDITS)
        read[name] = None if number is None else round(number)
        if number is None and sums.get(name) is not None:
            unreadable = f"The meter's {name} is not a number of credits."
    return CreditsReport(**read, problem=unreadable)


def read_error(data: object) -> tuple[str, str] | None:
    """Return (code, message) of the vendor's error envelope, or None for anything else."""
    error = mapping(data).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return None
    code = clean_text(error["code"], most=MAX_CODE) or UPSTREAM_ERROR
    return code, clean_text(error.get("message"), most=MAX_MESSAGE)


def _metadata(value: object) -> dict[str, Any]:
    """Return the metadata we know, whose names are the page's own ("Completed"): text, truth values
    and numbers, nothing else.
    """
    plain: dict[str, Any] = {}
    for name in METADATA_NAMES:
        item = mapping(value).get(name)
        if isinstance(item, bool):
            plain[name] = item
        elif isinstance(item, str):
            plain[name] = clean_text(item, most=60)
        else:
            number = clean_number(item, least=-_MOST_METADATA, most=_MOST_METADATA)
            if number is not None:
                plain[name] = number
    return plain
