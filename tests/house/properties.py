"""Properties: what code and tests name is written down, and what is written down is proven."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import PACKAGES, Problem, modules

PAGE = "docs/properties.md"
_NAMED = re.compile(r"\bP\d\d\b")
_ROW = re.compile(r"^\| (P\d\d) \|")
_TEST = re.compile(r"^ *(?:async )?def test_p(\d\d)_", re.MULTILINE)


def properties(root: Path) -> Iterator[Problem]:
    """Yield properties that the page lacks, and those that no test of their name proves."""
    page = (root / PAGE).read_text().splitlines()
    rows = {row[1]: line for line, text in enumerate(page, 1) if (row := _ROW.match(text))}
    proven = set()
    for module in modules(root, *PACKAGES, "sandbox", "tests"):
        if module.path.startswith("tests/"):
            proven |= {f"P{number}" for number in _TEST.findall(module.text)}
        for line, text in enumerate(module.text.splitlines(), 1):
            for name in _NAMED.findall(text):
                if name not in rows:
                    yield Problem(module.path, line, f"{name} is not in {PAGE}")
    for name in sorted(proven - rows.keys()):
        yield Problem("tests/", 0, f"test_{name.lower()}_… proves what is not in {PAGE}")
    for name, line in rows.items():
        if name not in proven:
            yield Problem(PAGE, line, f"{name} has no test named test_{name.lower()}_…")
