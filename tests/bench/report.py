"""Rows of figures: the median and the spread of some rounds, beside a floor."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True)
class Row:
    """One figure. `ratio` is what `floor` names, and is the figure to compare over time."""

    name: str
    unit: str
    median: float
    lowest: float
    highest: float
    rounds: int
    ratio: float
    floor: str
    conditions: str

    @classmethod
    def of(
        cls,
        name: str,
        unit: str,
        figures: Sequence[float],
        *,
        ratio: float,
        floor: str,
        conditions: str,
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
        )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text for a terminal."""
    lines = []
    for row in rows:
        spread = f"{row.lowest:.3f} to {row.highest:.3f} over {row.rounds} rounds"
        lines += [
            row.name,
            f"  median {row.median:.3f} {row.unit}, {spread}",
            f"  ratio {row.ratio:.2f} ({row.floor})",
            f"  {row.conditions}",
        ]
    return "\n".join(lines) + "\n"
