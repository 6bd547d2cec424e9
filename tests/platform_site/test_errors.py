"""The codes of the API's errors are one list, and docs/api.md explains each of them."""

import re
from pathlib import Path

from platform_site.errors import ErrorCode, ErrorType

ROW = re.compile(r"^\| \d{3} \| `(\w+)` \| `(\w+)` \|", re.MULTILINE)


def test_the_documented_codes_are_those_that_there_are() -> None:
    rows = ROW.findall((Path(__file__).parents[2] / "docs/api.md").read_text())
    assert {code for code, _ in rows} == set(ErrorCode)
    assert {kind for _, kind in rows} == set(ErrorType)
    assert len(dict(rows)) == len(set(rows)), "one code has two types"
