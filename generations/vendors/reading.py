"""Read what a vendor sends: JSON that may lie, ids that are stored, links that are fetched."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from platform_site.http.addresses import UrlProblem, url_target
from platform_site.untrusted import clean_text, shown

MAX_TASK_ID = 120  # characters, as the columns have them
MAX_CODE = 60
MAX_MESSAGE = 2000
# Presigned links carry tokens and signatures; those of big clouds are rarely over 4,000 characters.
MAX_LINK = 8_192
_LINKS_READ = 100
_LONGEST_NUMBER = 40  # digits
_SECRET = re.compile(r"(?<=//)[^/?#]*(?=@)|[?#].*", re.DOTALL)


def read_json(body: bytes) -> object:
    """Return the JSON of a body. None for what is none, nests too deep, or names one thing twice
    with different values; a whole number of more than 40 digits is read as an infinity.
    """
    try:
        return json.loads(body, object_pairs_hook=_agreeing, parse_int=_read_int)
    except (ValueError, RecursionError):
        return None


def mapping(value: object) -> dict[str, Any]:
    """Return a JSON object as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def usable_task_id(value: object) -> str | None:
    """Return a task id if it can be stored and asked for as it is, else None."""
    if not isinstance(value, str) or not value.isprintable():
        return None
    # A path of dots alone would name another address.
    is_whole = value == clean_text(value, most=MAX_TASK_ID) and value.strip(".")
    return value if is_whole else None


def read_links(value: object) -> tuple[tuple[str, ...], str]:
    """Return the usable ones of the first hundred links, and what is wrong if none of them is."""
    links = value if isinstance(value, list) else [value] if value else []
    usable, problems = [], []
    for link in links[:_LINKS_READ]:
        try:
            usable.append(_read_link(link))
        except UrlProblem as problem:
            problems.append(str(problem))
    return tuple(usable), "" if usable or not problems else problems[0]


def links_said(value: object) -> str:
    """Return a picture of links without what may be secret: passwords, and queries that sign."""
    links = value if isinstance(value, list) else [value]
    return shown([_SECRET.sub("…", one) if isinstance(one, str) else one for one in links[:5]])


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


def _read_link(value: object) -> str:
    """Return a link that can be fetched. Raises `UrlProblem` with a sentence that says why not.

    White space around it is left out, and spaces within it are encoded, as browsers do.
    """
    if not isinstance(value, str):
        raise UrlProblem("The URL is not text.")
    link = value.strip().replace(" ", "%20")
    url_target(link, max_length=MAX_LINK)
    return link
