"""What a soak says in the end: a table for people, and one line of JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.soak.reconciling import Check

_SHOWN_PROBLEMS = 12


def table_of(title: str, rows: Mapping[str, object]) -> str:
    """Return names and figures in two columns under a title."""
    width = max((len(name) for name in rows), default=0)
    lines = [title, *(f"  {name:<{width}}  {value:>8}" for name, value in rows.items())]
    return "\n".join(lines) + "\n"


def checks_of(checks: Sequence[Check]) -> str:
    """Return each check with what it looked at and, if it does not hold, what contradicts it."""
    width = max(len(check.name) for check in checks)
    lines = ["What must hold"]
    for check in checks:
        verdict = "holds" if not check.problems else f"FAILS ({len(check.problems)})"
        lines.append(f"  {check.name:<{width}}  {check.looked_at:>8}  {verdict}")
        lines += [f"      {problem}" for problem in check.problems[:_SHOWN_PROBLEMS]]
        if len(check.problems) > _SHOWN_PROBLEMS:
            lines.append(f"      … and {len(check.problems) - _SHOWN_PROBLEMS} more")
    return "\n".join(lines) + "\n"


def sorted_counts(counts: Counter[str]) -> dict[str, int]:
    """Return counts in the order of their names."""
    return {str(name): counts[name] for name in sorted(counts, key=str)}
