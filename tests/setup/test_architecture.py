"""The pages about the project name what is there."""

import re
import tomllib
from functools import reduce
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.pythons import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()
FOLDERS = "accounts|billing|docs|generations|platform_site|requirements|sandbox|templates|tests"
_PATH = re.compile(rf"`((?:{FOLDERS}|\.ci)/[\w./-]*)[`:]")
_STEP = re.compile(rf"`((?:{FOLDERS})/[\w/]+)\.py:([\w.]+)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
# Not drawn: what every Django project has, and the roof's own words.
NOT_DRAWN = {
    "apps",
    "checks",
    "environment",
    "error_pages",
    "exposure",
    "settings",
    "templatetags",
    "urls",
}
NOT_DRAWN |= {"wsgi"}


def name_of(page: Path) -> str:
    """Return a page's path from the root."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    missing = {path for path in _PATH.findall(text) if not (ROOT / path).exists()}
    missing |= {link for link in _LINK.findall(text) if not (page.parent / link).exists()}
    assert missing == set()


@pytest.mark.parametrize(("module", "name"), sorted(set(_STEP.findall(ARCHITECTURE))))
def test_every_function_of_the_walks_can_be_imported(module: str, name: str) -> None:
    reduce(getattr, name.split("."), import_module(module.replace("/", ".")))


def test_the_walks_are_numbered_and_each_step_names_a_function_or_a_file() -> None:
    walks = re.findall(r"^## (.+)\n\n((?:\d+\. .+\n(?: +.+\n)*)+)", ARCHITECTURE, re.MULTILINE)
    assert len(walks) == 6
    for title, steps in walks:
        items = re.split(r"^\d+\. ", steps, flags=re.MULTILINE)[1:]
        assert len(items) >= 5, title
        assert all("`" in item for item in items), title


def test_twenty_questions_have_a_path_each() -> None:
    table = ARCHITECTURE.partition("## Where is it?")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w.+?) \| (.+) \|$", table, re.MULTILINE)
    assert len(rows) == 20
    assert all(_PATH.search(answer) for _, answer in rows)


def test_the_picture_shows_the_levels_that_the_contracts_hold() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layered = [one for one in contracts["contracts"] if "containers" in one]
    drawn = _drawn()
    for contract in layered:
        (package,) = contract["containers"]
        levels = [set(re.split(r" [:|] ", level)) - NOT_DRAWN for level in contract["layers"]]
        assert drawn[package] == [level for level in levels if level], package
    assert drawn.keys() == {one["containers"][0] for one in layered}


def _drawn() -> dict[str, list[set[str]]]:
    """Return the rooms of each package in the picture, level by level, from the top."""
    rooms: dict[str, dict[str, set[str]]] = {}
    package = ""
    for element in ElementTree.parse(ROOT / "docs/architecture.svg").iter():
        kind, text = element.get("class"), element.text or ""
        if kind == "title":
            package = text
        elif kind == "name" and float(element.attrib["x"]) < 720:
            rooms.setdefault(package, {}).setdefault(element.attrib["y"], set()).add(text)
    return {name: list(levels.values()) for name, levels in rooms.items()}


def test_every_decision_is_in_the_index_with_its_status() -> None:
    folder = ROOT / "docs/decisions"
    index = (folder / "README.md").read_text()
    rows = re.findall(r"^\| \d+ \| \[.+\]\((.+)\) \| (.+) \|$", index, re.MULTILINE)
    assert [name for name, _ in rows] == sorted(one.name for one in folder.glob("0*.md"))
    assert all(re.match(r"accepted|replaced by \[", status) for _, status in rows)


def test_properties_are_numbered_without_a_gap() -> None:
    page = (ROOT / "docs/properties.md").read_text()
    numbers = [int(number) for number in re.findall(r"^\| P(\d\d) \|", page, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
