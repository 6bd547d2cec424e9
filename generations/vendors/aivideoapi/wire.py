"""Read the vendor's JSON. Shapes: the vendor's page and FACTS.md.

Whatever is read here can be stored, shown and logged: `clean_text` cleans every text, and
`clean_number` bounds every number.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from generations.vendors.base import ProviderUnclear
from platform_site.http.addresses import UrlProblem, url_target
from platform_site.untrusted import clean_number, clean_text, shown

MAX_TASK_ID = 120  # characters, as the columns have them
MAX_CODE = 60
MAX_MESSAGE = 2000
# Presigned links carry tokens and signatures; those of big clouds are rarely over 4,000 characters.
MAX_LINK = 8_192
_LINKS_READ = 100
_LATEST = 253_402_300_799  # unix seconds: the last one that a datetime can hold
_MOST_CREDITS = 10**15
_MOST_METADATA = 2**63 - 1
_LONGEST_NUMBER = 40  # digits
_SECRET = re.compile(r"(?<=//)[^/?#]*(?=@)|[?#].*", re.DOTALL)


class TaskStatus(StrEnum):
    """The vendor's four words."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


_STATUSES = frozenset(TaskStatus)
_WORD = re.compile(r"[A-Za-z_ ]{1,40}")  # short, and no secret


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What the vendor says about one task. Times are unix seconds.

    `urls` are links that can be stored and fetched, in the vendor's order. Where it gave others
    only, `link_problem` says in a sentence what is wrong with the first one, and `links_said`
    pictures them for the log.
    """

    id: str
    status: TaskStatus
    created_at: float | None = None
    completed_at: float | None = None
    urls: tuple[str, ...] = ()
    link_problem: str = ""
    links_said: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    error_code: str = ""
    error_message: str = ""

    @property
    def has_ended(self) -> bool:
        """Return whether the vendor will say nothing else about it."""
        return self.status in {TaskStatus.COMPLETED, TaskStatus.FAILED}


@dataclass(frozen=True, slots=True)
class CreditsReport:
    """The vendor's meter of one key, in credits; None for a sum that it leaves out.

    `problem` says in a sentence which sum is there and cannot be read.
    """

    balance: int | None
    total_purchased: int | None
    total_consumed: int | None
    problem: str = ""


def read_json(body: bytes) -> object:
    """Return the JSON of a body. None for what is none, nests too deep, or names one thing twice
    with different values; a whole number of more than 40 digits is read as an infinity.
    """
    try:
        return json.loads(body, object_pairs_hook=_agreeing, parse_int=_read_int)
    except (ValueError, RecursionError):
        return None


def read_task(data: object) -> TaskReport:
    """Read a task object. Raises `ProviderUnclear` for what is not the vendor's shape."""
    task = _mapping(data)
    task_id, status = usable_task_id(task.get("id")), task.get("status")
    if task_id is None:
        raise ProviderUnclear("The answer is not a task.")
    if not isinstance(status, str) or status not in _STATUSES:
        word = f" {status!r}" if isinstance(status, str) and _WORD.fullmatch(status) else ""
        raise ProviderUnclear(f"Unknown status{word}.")
    output = _mapping(task.get("output"))
    error = _mapping(task.get("error"))
    urls, link_problem = _read_links(output.get("urls"))
    return TaskReport(
        id=task_id,
        status=TaskStatus(status),
        created_at=clean_number(task.get("created_at"), least=0, most=_LATEST),
        completed_at=clean_number(task.get("completed_at"), least=0, most=_LATEST),
        urls=urls,
        link_problem=link_problem,
        links_said=_links_said(output.get("urls")) if link_problem else "",
        metadata=_metadata(output.get("metadata")),
        error_code=clean_text(error.get("code"), most=MAX_CODE),
        error_message=clean_text(error.get("message"), most=MAX_MESSAGE),
    )


def named_task(data: object) -> object:
    """Return `data.taskId` of a create reply as it is, None when the vendor did not give one."""
    named = _mapping(_mapping(data).get("data")).get("taskId")
    return None if named == "" else named


def usable_task_id(value: object) -> str | None:
    """Return a task id if it can be stored and asked for as it is, else None."""
    if not isinstance(value, str) or not value.isprintable():
        return None
    # A path of dots alone would name another address.
    is_whole = value == clean_text(value, most=MAX_TASK_ID) and value.strip(".")
    return value if is_whole else None


def read_credits(data: object) -> CreditsReport:
    """Read the meter. One public client reads `data.credits`, so both names are read."""
    sums = dict(_mapping(_mapping(data).get("data")))
    sums.setdefault("balance", sums.get("credits"))
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
    error = _mapping(data).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return None
    code = clean_text(error["code"], most=MAX_CODE) or "upstream_error"
    return code, clean_text(error.get("message"), most=MAX_MESSAGE)


def _agreeing(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found and found[name] != value:
            raise ValueError("It says two things under one name.")
        found[name] = value
    return found


def _read_int(digits: str) -> int | float:
    if len(digits) <= _LONGEST_NUMBER:
        return int(digits)
    return -math.inf if digits.startswith("-") else math.inf


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_links(value: object) -> tuple[tuple[str, ...], str]:
    """Return the usable ones of the first hundred links, and what is wrong if none of them is."""
    links = value if isinstance(value, list) else [value] if value else []
    usable, problems = [], []
    for link in links[:_LINKS_READ]:
        try:
            usable.append(_read_link(link))
        except UrlProblem as problem:
            problems.append(str(problem))
    return tuple(usable), "" if usable or not problems else problems[0]


def _read_link(value: object) -> str:
    """Return a link that can be fetched. Raises `UrlProblem` with a sentence that says why not.

    White space around it is left out, and spaces within it are encoded, as browsers do.
    """
    if not isinstance(value, str):
        raise UrlProblem("The URL is not text.")
    link = value.strip().replace(" ", "%20")
    url_target(link, max_length=MAX_LINK)
    return link


def _links_said(value: object) -> str:
    """Return a picture of links without what may be secret: passwords, and queries that sign."""
    links = value if isinstance(value, list) else [value]
    return shown([_SECRET.sub("…", one) if isinstance(one, str) else one for one in links[:5]])


def _metadata(value: object) -> dict[str, Any]:
    """Return the metadata we know: text, truth values and numbers, nothing else."""
    plain: dict[str, Any] = {}
    for name in ("seed", "ratio", "duration", "resolution", "generate_audio", "framespersecond"):
        item = _mapping(value).get(name)
        if isinstance(item, bool):
            plain[name] = item
        elif isinstance(item, str):
            plain[name] = clean_text(item, most=60)
        else:
            number = clean_number(item, least=-_MOST_METADATA, most=_MOST_METADATA)
            if number is not None:
                plain[name] = number
    return plain
