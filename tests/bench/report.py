"""Rows of figures: the median and the spread of some rounds, beside a floor."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

NEEDS_BASE = "needs BASE=, the commit to compare with"


@dataclass(frozen=True)
class Goal:
    """What a row's figure must be at least, at most or exactly."""

    relation: str  # ">=", "<=" or "=="
    value: float

    def is_met_by(self, figure: float) -> bool:
        """Return whether a figure is good enough."""
        return {
            ">=": figure >= self.value,
            "<=": figure <= self.value,
            "==": figure == self.value,
        }[self.relation]

    def __str__(self) -> str:
        """Show it as the table has it."""
        words = {">=": "at least", "<=": "at most", "==": "exactly"}
        return f"{words[self.relation]} {self.value:g}"


@dataclass(frozen=True)
class Row:
    """One figure. `ratio` is what `floor` names, and is the figure to compare over time.

    `number` is the row of the table of goals that it belongs to, 0 if to none; `problems` is what
    went wrong in some round, which counts nevertheless. Without a ratio `floor` says what it needs.
    """

    name: str
    unit: str
    median: float
    lowest: float
    highest: float
    rounds: int
    ratio: float | None
    floor: str
    conditions: str
    number: int = 0
    gate: Goal | None = None
    aim: Goal | None = None
    problems: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        unit: str,
        figures: Sequence[float],
        *,
        ratio: float | None,
        floor: str,
        conditions: str,
        number: int = 0,
        gate: Goal | None = None,
        aim: Goal | None = None,
        problems: Sequence[str] = (),
    ) -> Self:
        """Sum up the rounds."""
        return cls(
            name=name,
            unit=unit,
            median=median(figures),
            lowest=min(figures),
            highest=max(figures),
            rounds=len(figures),
            ratio=ratio,
            floor=floor,
            conditions=conditions,
            number=number,
            gate=gate,
            aim=aim,
            problems=tuple(problems),
        )

    @property
    def verdict(self) -> str:
        """Return whether its goals are met, in a word or two."""
        if self.ratio is None or self.gate is None:
            return ""
        if not self.gate.is_met_by(self.ratio):
            return "gate missed"
        return "aim met" if self.aim and self.aim.is_met_by(self.ratio) else "gate met"


def at_least(value: float) -> Goal:
    """Return a goal that larger figures meet."""
    return Goal(">=", value)


def at_most(value: float) -> Goal:
    """Return a goal that smaller figures meet."""
    return Goal("<=", value)


def exactly(value: float) -> Goal:
    """Return a goal that one figure meets."""
    return Goal("==", value)


def ratio_of(figures: Sequence[float], others: Sequence[float]) -> float | None:
    """Return the ratio of two medians; None without others to compare with."""
    return median(figures) / median(others) if others and median(others) else None


def figure_of(value: float) -> str:
    """Return a figure with three digits, or all those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread_of(figures: Sequence[float]) -> str:
    """Return the median and the spread of some rounds in words."""
    lowest, highest = figure_of(min(figures)), figure_of(max(figures))
    return f"{figure_of(median(figures))} ({lowest} to {highest})"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text for a terminal."""
    lines = []
    for row in rows:
        spread = f"{row.lowest:.3f} to {row.highest:.3f} over {row.rounds} rounds"
        lines += [
            f"{row.number or '-'}  {row.name}",
            f"  median {row.median:.3f} {row.unit}, {spread}",
            f"  {_ratio(row)}",
            f"  {row.conditions}",
            *(f"  PROBLEM {problem}" for problem in row.problems),
        ]
    return "\n".join(lines) + "\n"


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return f"no ratio: {row.floor}"
    goals = f"; gate {row.gate}, aim {row.aim}: {row.verdict}" if row.gate else ""
    return f"ratio {row.ratio:.3f} {row.floor}{goals}"
