"""Read what a vendor sends: JSON that may lie, ids that are stored, links that are fetched."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from generations.vendors.base import ProviderUnclear
from platform_site.http.addresses import UrlProblem, url_origin
from platform_site.text.untrusted import clean_number, clean_text, shown

MAX_TASK_ID = 120  # characters, as the columns have them
MAX_CODE = 60
MAX_MESSAGE = 2000
# Presigned links carry tokens and signatures; those of big clouds are rarely over 4,000 characters.
MAX_LINK = 8_192
_LINKS_READ = 100
_LINKS_DEEP = 4
# Where an object that stands for a link has it.
_LINK_NAMES = ("url", "video_url", "videoUrl", "download_url", "href", "link", "src", "uri")
_MESSAGE_NAMES = ("message", "msg", "reason", "detail", "description")
_WRAPPERS = ("data", "task", "result")
_WRAPPED_DEEP = 4
_LONGEST_NUMBER = 40  # digits
_DIGITS = re.compile(r"[+-]?\d{1,40}(\.\d{1,20})?")
_SECRET = re.compile(r"(?<=//)[^/?#]*(?=@)|[?#].*", re.DOTALL)


class UnreadableLinks(ProviderUnclear):
    """Something stands where links do, in a form that is not known."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("The film's link stands in a form that is not known.")


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


def unwrapped(value: object, *, named: Sequence[str], beside: str = "") -> dict[str, Any]:
    """Return the object that has one of these names, and the one `beside` them if given, however
    deep in wrappers (`data`, `task`, `result`, lists of one) it stands; else an empty one.
    """
    for _ in range(_WRAPPED_DEEP):
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else None
        found = mapping(value)
        if any(found.get(name) is not None for name in named) and (not beside or beside in found):
            return found
        value = next((found[name] for name in _WRAPPERS if found.get(name)), None)
    return {}


def read_number(value: object, *, least: int, most: int) -> int | float | None:
    """Return a number as `clean_number` does, and of digits in quotes the number that they are."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = float(value) if "." in value else int(value)
    return clean_number(value, least=least, most=most)


def words_of_error(error: object) -> tuple[str, str]:
    """Return (code, message) of an error that is a text, an object or a list of such; each is "" if
    it is left out.
    """
    if isinstance(error, list):
        said = (words_of_error(one) for one in error[:_LINKS_READ] if not isinstance(one, list))
        return next((words for words in said if any(words)), ("", ""))
    if isinstance(error, str):
        return "", clean_text(error, most=MAX_MESSAGE)
    about = mapping(error)
    messages = (clean_text(about.get(name), most=MAX_MESSAGE) for name in _MESSAGE_NAMES)
    return clean_text(about.get("code"), most=MAX_CODE), next(filter(None, messages), "")


def read_links(value: object) -> tuple[tuple[str, ...], str]:
    """Return the usable ones of the first hundred links, and what is wrong if none of them is.

    A link is a text, or an object with one (`url`, `href` and their kin), alone or in lists. Raises
    `UnreadableLinks` for what holds something and no text: that is no answer without a link.
    """
    texts, is_whole = _texts_in(value, _LINKS_DEEP)
    if not texts and not is_whole:
        raise UnreadableLinks
    usable, problems = [], []
    for link in texts[:_LINKS_READ]:
        try:
            usable.append(_read_link(link))
        except UrlProblem as problem:
            problems.append(str(problem))
    return tuple(usable), "" if usable or not problems else problems[0]


def holds_link(value: object, *, deep: int = _LINKS_DEEP) -> bool:
    """Return whether a text that begins like a link stands anywhere in a value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return deep > 0 and any(holds_link(one, deep=deep - 1) for one in value[:_LINKS_READ])
    return isinstance(value, str) and value.strip().lower().startswith(("http:", "https:"))


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


def _texts_in(value: object, deep: int) -> tuple[list[str], bool]:
    """Return the texts of links, and whether all that is there was understood."""
    if isinstance(value, str):
        return [value], True
    if value is None:
        return [], True
    if isinstance(value, dict):
        link = next((value[name] for name in _LINK_NAMES if value.get(name)), None)
        return ([], False) if link is None or not deep else _texts_in(link, deep - 1)
    if not isinstance(value, list) or not deep:
        return [], False
    read = [_texts_in(one, deep - 1) for one in value[:_LINKS_READ]]
    return [text for texts, _ in read for text in texts], all(whole for _, whole in read)


def _read_link(text: str) -> str:
    """Return a link that can be fetched. Raises `UrlProblem` with a sentence that says why not.

    White space around it is left out, and spaces within it are encoded, as browsers do.
    """
    link = text.strip().replace(" ", "%20")
    url_origin(link, max_length=MAX_LINK)
    return link
