"""Write `docs/performance.md` from what runs found: `python -m tests.bench.page`."""

import json
from collections import defaultdict
from collections.abc import Sequence
from string import Template
from typing import Any

from tests.bench.report import Row, exactly, figure_of
from tests.bench.results import Result, kept_results
from tests.bench.sites.trees import ROOT

PAGE = ROOT / "docs" / "performance.md"
PROFILE_JSON = ROOT / "var" / "profile.json"
_TEMPLATE = ROOT / "tests" / "bench" / "page.txt"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page_of(kept_results(), _kept_profile()))


def page_of(results: Sequence[Result], profile: Sequence[dict[str, Any]]) -> str:
    """Return the page with these figures."""
    goals = [one for one in results if one.row.number]
    others = [one for one in results if not one.row.number]
    return Template(_TEMPLATE.read_text()).substitute(
        runs=_runs(results),
        goals="\n".join(_goal_line(one.row) for one in goals) or "| – | nothing was measured | | |",
        others="\n".join(_other_line(one.row) for one in others) or "| – | | |",
        conditions="\n".join(_conditions(one.row) for one in results),
        profile="\n".join(map(_profile_line, profile)) or "| – | | | | |",
    )


def _goal_line(row: Row) -> str:
    ratio = "–" if row.ratio is None else figure_of(row.ratio)
    if row.gate == exactly(1):
        ratio = f"{row.ratio:.3f}"
    goals = f"{row.gate} / {row.aim}" if row.gate else ""
    return (
        f"| {row.number} | {row.name} | {_figure(row)} | {ratio} {row.floor} | {goals} | "
        f"{row.verdict or '–'} |"
    )


def _other_line(row: Row) -> str:
    ratio = "–" if row.ratio is None else figure_of(row.ratio)
    return f"| {row.name} | {_figure(row)} | {ratio} {row.floor} |"


def _figure(row: Row) -> str:
    spread = f"{figure_of(row.lowest)} to {figure_of(row.highest)}"
    return f"{figure_of(row.median)} {row.unit} ({spread})"


def _conditions(row: Row) -> str:
    problems = "".join(f" Met on the way: {problem}." for problem in row.problems)
    rounds = "1 round" if row.rounds == 1 else f"{row.rounds} rounds"
    return f"- **{row.number or '–'} {row.name}**, {rounds}: {row.conditions}.{problems}"


def _runs(results: Sequence[Result]) -> str:
    runs: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for one in results:
        number = str(one.row.number or "others")
        rows = runs[(one.day, one.commit, one.base, one.machine)]
        if number not in rows:
            rows.append(number)
    return "\n".join(
        f"- {day}, commit {commit}{f' beside {base}' if base else ''}, on {machine}: rows "
        f"{', '.join(rows)}."
        for (day, commit, base, machine), rows in runs.items()
    )


def _profile_line(stage: dict[str, Any]) -> str:
    figures = f"{stage['cpu']:.2f} | {stage['statements']:.3g}"
    return f"| {stage['database']} | {stage['stage']} | {figures} | {stage['most']} |"


def _kept_profile() -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads(PROFILE_JSON.read_text())
    except (OSError, ValueError):
        return []
    return found


if __name__ == "__main__":
    main()
