"""What was spent on what, from the ledger's own entries.

Credits count on the day their entry was written: a settlement on the day the hold was closed, a
correction on the day of the correction, so that a day that has passed never changes. Summed over
all days they are what the team's account says it spent. Generations count on the day their hold
closed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import BigIntegerField, Case, Count, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, TruncDate

from accounts.models import ApiKey, Project, Team, User
from billing.models import Account, Transfer
from billing.selectors import site_zone
from billing.windows import Window, window_end, window_start
from generations.lifecycle import State
from generations.models import Film, Generation
from generations.models.generation import Mode
from platform_site.errors import InvalidRequest

DIMENSIONS = ("team", "member", "project", "api_key", "model", "resolution", "mode")
MAX_DAYS = 731  # two years, one of them a leap year
_FIRST_YEAR, _LAST_YEAR = 2000, 9000
_COLUMNS = {"team": "team_id", "member": "user_id", "project": "project_id"}
_COLUMNS |= {"api_key": "api_key_id", "model": "model", "resolution": "resolution", "mode": "mode"}
_CHUNK = 2000
# A forecast from less is a guess, and says so.
_SURE_AFTER_DAYS = 7
_SPENDING_DAYS = 3

_ENTRY = "hold__transfers__"
_CLOSING = Q(**{f"{_ENTRY}kind__in": [Transfer.Kind.SETTLE, Transfer.Kind.RELEASE]})
_TO_SPENT = Q(**{f"{_ENTRY}credit_account__kind": Account.Kind.SPENT})
_FROM_SPENT = Q(**{f"{_ENTRY}debit_account__kind": Account.Kind.SPENT})
# What a team's rule removed later was made and seen: the past does not change with it.
_WAS_KEPT = [Film.State.KEPT, Film.State.REMOVED]
_FILMED = Q(film__state__in=[*_WAS_KEPT, Film.State.PENDING])
_WANTED = Q(favourite=True) | Q(film__first_downloaded_at__isnull=False)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which spending to count: from the day `since` to the day `until`, both in.

    Days are the site's. Without a `team` it is everybody's, which is for administrators alone.
    Raises `InvalidRequest` for days in the wrong order, too many, or out of the calendar.
    """

    since: date
    until: date
    team: Team | None = None
    project: Project | None = None
    member: User | None = None
    api_key: ApiKey | None = None
    model: str = ""

    def __post_init__(self) -> None:
        """Refuse days that cannot be reported on."""
        if self.until < self.since:
            raise InvalidRequest("The last day is before the first day.", field="until")
        if (self.until - self.since).days >= MAX_DAYS:
            raise InvalidRequest(f"A report covers at most {MAX_DAYS} days.", field="since")
        if self.since.year < _FIRST_YEAR or self.until.year > _LAST_YEAR:
            raise InvalidRequest("There are no reports for these days.", field="since")


@dataclass(slots=True)
class Figures:
    """Sums over some generations; credits are whole, and negative where corrections released more.
    `spent`: settled, and corrected since. `refunded`: held for generations that failed, and
    released. `lost`: the part of `spent` that left no film. `keepers`: kept films that somebody
    downloaded or marked as a favourite. Generations are those whose hold closed in the time.
    """

    spent: int = 0
    refunded: int = 0
    lost: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    keepers: int = 0

    @property
    def success_rate(self) -> float | None:
        """Return the share of completed generations, 0 to 1; what people cancelled counts for
        neither.
        """
        ended = self.completed + self.failed
        return self.completed / ended if ended else None

    @property
    def credits_per_wanted_film(self) -> float | None:
        """Return what a film that somebody wanted cost, all attempts at it included."""
        return self.spent / self.keepers if self.keepers else None

    def add(self, other: "Figures") -> None:
        """Add another's sums to these."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass(frozen=True, slots=True)
class Cell:
    """The figures of one day and one combination of all dimensions; `keys` are ids or words."""

    day: date
    keys: dict[str, Any]
    figures: Figures


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of one value of a dimension; `key` is its id or word, or None."""

    key: Any
    label: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """The whole, every day from first to last, and every dimension, the highest spending first."""

    filters: Filters
    total: Figures
    days: list[tuple[date, Figures]]
    by: dict[str, list[Line]]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the month will have cost when spending goes on as it did; `credits` None: too early.

    `is_rough` when under a week or three days with spending stand behind it. `days` have passed.
    """

    spent: int
    credits: int | None
    is_rough: bool
    days: float
    spending_days: int
    ends_at: datetime


def report_of(filters: Filters) -> Report:
    """Return the report, in one query for the figures and at most four for names."""
    total = Figures()
    days = {day: Figures() for day in _days(filters)}
    by: dict[str, defaultdict[Any, Figures]] = {
        dimension: defaultdict(Figures) for dimension in DIMENSIONS
    }
    for cell in _cells(filters):
        total.add(cell.figures)
        days[cell.day].add(cell.figures)
        for dimension, key in cell.keys.items():
            by[dimension][key].add(cell.figures)
    names = DimensionNames()
    names.learn({dimension: set(lines) for dimension, lines in by.items()})
    lines = {
        dimension: [Line(key, names.label(dimension, key), found[key]) for key in found]
        for dimension, found in by.items()
    }
    for found_lines in lines.values():
        found_lines.sort(key=lambda line: (-line.figures.spent, line.label))
    return Report(filters, total, sorted(days.items()), lines)


def cells_of(filters: Filters) -> Iterator[tuple[Cell, dict[str, str]]]:
    """Yield the finest figures with the names of their dimensions, by day, in constant memory."""
    names = DimensionNames()
    chunk: list[Cell] = []
    for cell in _cells(filters):
        chunk.append(cell)
        if len(chunk) == _CHUNK:
            yield from names.named(chunk)
            chunk = []
    yield from names.named(chunk)


def forecast_of(filters: Filters, *, now: datetime) -> Forecast:
    """Project this month's spending to the month's end; of `filters` the days are not used.

    Linear over the days of the site's month so far, or of the team's life when that is shorter.
    """
    starts_at, ends_at = _month_of(now)
    if filters.team is not None:
        starts_at = min(max(starts_at, filters.team.created_at), now)
    found = (
        _entries(filters, starts_at, now + timedelta(microseconds=1))
        .annotate(day=TruncDate(f"{_ENTRY}created_at", tzinfo=site_zone()))
        .aggregate(spent=_spent(), days=Count("day", distinct=True, filter=_TO_SPENT))
    )
    days = (now - starts_at) / timedelta(days=1)
    spent, spending_days = found["spent"], found["days"]
    projected = None
    if days >= 1:
        projected = max(spent, round(spent * ((ends_at - starts_at) / (now - starts_at))))
    rough = days < _SURE_AFTER_DAYS or spending_days < _SPENDING_DAYS
    return Forecast(spent, projected, rough, days, spending_days, ends_at)


def this_month(*, now: datetime) -> tuple[date, date]:
    """Return the first and the last day of the site's month that holds `now`."""
    zone = site_zone()
    starts_at, ends_at = _month_of(now)
    return starts_at.astimezone(zone).date(), ends_at.astimezone(zone).date() - timedelta(days=1)


class DimensionNames:
    """What the ids of dimensions are called, asked for once each."""

    def __init__(self) -> None:
        """Know the modes; the rest is learnt."""
        self._known: dict[str, dict[Any, str]] = defaultdict(dict)

    def learn(self, keys: dict[str, set[Any]]) -> None:
        """Ask for the names of ids that are not known yet: a query a kind of them."""
        managers: dict[str, Any] = {
            "team": Team.objects,
            "member": User.objects,
            "project": Project.objects,
            "api_key": ApiKey.objects,
        }
        for dimension, manager in managers.items():
            known = self._known[dimension]
            unknown = keys.get(dimension, set()) - known.keys() - {None}
            if unknown:
                known.update({row.pk: str(row) for row in manager.filter(pk__in=unknown)})

    def label(self, dimension: str, key: Any) -> str:
        """Return what people call it; nothing for what has no project or API key."""
        if key is None:
            return ""
        if dimension == "mode":
            return str(dict(Mode.choices).get(key, key))
        return self._known[dimension].get(key, str(key))

    def named(self, cells: list[Cell]) -> Iterator[tuple[Cell, dict[str, str]]]:
        """Yield the cells with the names of their keys."""
        self.learn({name: {cell.keys[name] for cell in cells} for name in DIMENSIONS})
        for cell in cells:
            yield cell, {name: self.label(name, key) for name, key in cell.keys.items()}


def bounds_of(filters: Filters) -> tuple[datetime, datetime]:
    """Return the moments that the days begin and end at, whatever the clocks did in between."""
    zone = site_zone()
    starts_at = datetime.combine(filters.since, time.min, tzinfo=zone)
    ends_at = datetime.combine(filters.until + timedelta(days=1), time.min, tzinfo=zone)
    return starts_at, ends_at


def _month_of(now: datetime) -> tuple[datetime, datetime]:
    zone = site_zone()
    starts_at = window_start(Window.MONTH, now, zone)
    return starts_at, window_end(Window.MONTH, starts_at, zone) or now  # only a total never ends


def _days(filters: Filters) -> Iterable[date]:
    count = (filters.until - filters.since).days + 1
    return (filters.since + timedelta(days=number) for number in range(count))


def _cells(filters: Filters) -> Iterator[Cell]:
    columns = [_COLUMNS[dimension] for dimension in DIMENSIONS]
    rows = (
        _entries(filters, *bounds_of(filters))
        .annotate(day=TruncDate(f"{_ENTRY}created_at", tzinfo=site_zone()))
        .values("day", *columns)
        .annotate(
            sum_spent=_spent(),
            sum_refunded=_refunded(),
            sum_lost=_spent(~_FILMED),
            completed=_count_closed(state=State.COMPLETED),
            failed=_count_closed(state=State.FAILED),
            cancelled=_count_closed(state=State.CANCELLED),
            keepers=Count("pk", filter=_CLOSING & _WANTED & Q(film__state__in=_WAS_KEPT)),
        )
        .order_by("day", *columns)
    )
    for row in rows.iterator(chunk_size=_CHUNK):
        figures = Figures(
            spent=row["sum_spent"],
            refunded=row["sum_refunded"],
            lost=row["sum_lost"],
            **{name: row[name] for name in ("completed", "failed", "cancelled", "keepers")},
        )
        keys = {dimension: row[_COLUMNS[dimension]] for dimension in DIMENSIONS}
        yield Cell(row["day"], keys, figures)


def _entries(filters: Filters, starts_at: datetime, ends_at: datetime) -> QuerySet[Generation]:
    """Return a row for each closing or correcting entry in the time, with its generation."""
    chosen: dict[str, Any] = {
        f"{_ENTRY}kind__in": [
            Transfer.Kind.SETTLE,
            Transfer.Kind.RELEASE,
            Transfer.Kind.ADJUST,
        ],
        f"{_ENTRY}created_at__gte": starts_at,
        f"{_ENTRY}created_at__lt": ends_at,
    }
    if filters.team is not None:
        # Said of the entries too: their index is by team and time.
        chosen |= {"team": filters.team, f"{_ENTRY}team": filters.team}
    wanted = {
        "project": filters.project,
        "user": filters.member,
        "api_key": filters.api_key,
        "model": filters.model,
    }
    chosen |= {name: value for name, value in wanted.items() if value}
    return Generation.objects.filter(**chosen).order_by()


def _signed(*cases: tuple[Q, int]) -> Coalesce:
    amount = F(f"{_ENTRY}amount")
    whens = [When(condition, then=amount * sign) for condition, sign in cases]
    # Of a generation with no such entry the sum is 0.
    nothing = Value(0, output_field=BigIntegerField())
    return Coalesce(Sum(Case(*whens, default=nothing, output_field=BigIntegerField())), nothing)


def _spent(among: Q | None = None) -> Coalesce:
    """Sum what entered the spent account, less what left it again."""
    among = among or Q()
    return _signed((_TO_SPENT & among, 1), (_FROM_SPENT & among, -1))


def _refunded() -> Coalesce:
    """Sum what was released for failed generations, less what was corrected to spent."""
    failed = Q(state=State.FAILED)
    released = Q(**{f"{_ENTRY}kind": Transfer.Kind.RELEASE})
    taken = Q(**{f"{_ENTRY}kind": Transfer.Kind.ADJUST}) & _TO_SPENT
    return _signed(((released | _FROM_SPENT) & failed, 1), (taken & failed, -1))


def _count_closed(*, state: str) -> Count:
    return Count("pk", filter=_CLOSING & Q(state=state))
