"""Addresses that programs call: how they are written in other ways, and which they are."""

import re

_PROGRAMS = ("v1", "films", "uploads", "callbacks", "healthz")
_OF_PROGRAMS = re.compile(rf"/+(?:{'|'.join(_PROGRAMS)})(?:/|\Z)")
_ANSWERED_IN_JSON = re.compile(r"/+(?:v1|api|healthz)(?:/|\Z)", re.IGNORECASE)
_SLASHES = re.compile(r"/{2,}")


def tidied(path: str) -> str:
    """Return a path of the API or of a file as it is written properly; any other as it is.

    Base addresses are put together by hand: slashes come doubled or at the end, and so do blanks.
    """
    if not _OF_PROGRAMS.match(path):
        return path
    tidy = _SLASHES.sub("/", path).rstrip("/ \t\r\n")
    return "/v1/" if tidy == "/v1" else tidy


def is_of_api(path: str) -> bool:
    """Return whether a path, tidy or not, is one of the API."""
    return path.startswith(("/v1/", "//")) and tidied(path).startswith("/v1/")


def is_for_programs(path: str) -> bool:
    """Return whether what calls this path reads the error envelope rather than a page."""
    return _ANSWERED_IN_JSON.match(path) is not None
