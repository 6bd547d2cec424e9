"""Spending by day as bars on a plane of 1000 × 240, drawn by the server. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from generations.reports import Figures

WIDTH, HEIGHT = 1000, 240
_MOST_BARS = 100  # beyond that bars are weeks
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Bar:
    """The credits of one day or week, and where its bar stands; `lost` is the lower part."""

    since: date
    until: date
    spent: int
    lost: int
    x: float
    width: float
    y: float
    height: float
    lost_y: float
    lost_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars under a rounded top; `lines` are heights with their credits."""

    bars: list[Bar]
    top: int
    lines: list[tuple[float, int]]
    is_weeks: bool

    @property
    def is_empty(self) -> bool:
        """Return whether nothing was spent on any day."""
        return not any(bar.spent > 0 for bar in self.bars)


def chart_of(days: Sequence[tuple[date, Figures]]) -> Chart:
    """Return the chart of a report's days. A day whose balance was released has no bar."""
    spans = _spans(days)
    highest = max((spent for _, _, spent, _ in spans), default=0)
    top = _round_top(max(highest, 1))
    slot = WIDTH / max(len(spans), 1)
    width = max(slot * 0.72, min(slot, 1))
    bars = []
    for number, (since, until, spent, lost) in enumerate(spans):
        height = HEIGHT * max(spent, 0) / top
        lost_height = min(height, HEIGHT * max(lost, 0) / top)
        bars.append(
            Bar(
                since,
                until,
                spent,
                lost,
                x=round(number * slot + (slot - width) / 2, 2),
                width=round(width, 2),
                y=round(HEIGHT - height, 2),
                height=round(height, 2),
                lost_y=round(HEIGHT - lost_height, 2),
                lost_height=round(lost_height, 2),
            )
        )
    lines = [(HEIGHT * (1 - part / 2), round(top * part / 2)) for part in (2, 1)]
    return Chart(bars, top, lines, is_weeks=len(days) > _MOST_BARS)


def _spans(days: Sequence[tuple[date, Figures]]) -> list[tuple[date, date, int, int]]:
    """Return (first day, last day, spent, lost) for each bar; weeks begin on Monday."""
    if len(days) <= _MOST_BARS:
        return [(day, day, one.spent, one.lost) for day, one in days]
    weeks: dict[date, tuple[date, date, int, int]] = {}
    for day, one in days:
        monday = day - timedelta(days=day.weekday())
        since, _, spent, lost = weeks.get(monday, (day, day, 0, 0))
        weeks[monday] = (since, day, spent + one.spent, lost + one.lost)
    return list(weeks.values())


def _round_top(highest: int) -> int:
    """Return the next round number that halves well."""
    power: int = 10 ** (len(str(highest)) - 1)
    for step in _STEPS:
        if step * power >= highest and step * power >= 2:
            return int(step * power)
    return 10 * power
