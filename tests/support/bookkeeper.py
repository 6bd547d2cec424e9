"""A model of the books that knows nothing of holds, windows or transfers.

It keeps a list of jobs with what became of their credits, and adds up.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from accounts.models import ApiKey, Membership
from generations.models import Generation

ZURICH = ZoneInfo("Europe/Zurich")

Scope = tuple[str, int]


@dataclass
class Job:
    """What the model knows of a generation."""

    row: Generation
    credits: int
    scopes: list[Scope]
    at: datetime
    money: str = "held"  # held, spent or free
    adjusted: bool = False
    stale: Generation | None = field(default=None, repr=False)  # as a slow worker remembers it


@dataclass(frozen=True)
class Person:
    """Somebody who submits, in person or by their key, and the provider key that they send with."""

    membership: Membership
    api_key: ApiKey
    provider_key: int


def era(window: str, moment: datetime) -> object:
    """Name the window that holds a moment, by the calendar on the wall."""
    local = moment.astimezone(ZURICH)
    return {
        "hour": moment.timestamp() // 3600,
        "day": local.date(),
        "week": local.isocalendar()[:2],
        "month": (local.year, local.month),
        "total": None,
    }[window]


class Bookkeeper:
    """What was granted, what became of each job, and the rules that are set."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.granted = 0
        self.jobs: list[Job] = []
        self.limits: dict[tuple[Scope, str], int] = {}
        self.thresholds: dict[tuple[str, int], int] = {}

    @property
    def now(self) -> datetime:
        """Return the time of the example."""
        return datetime.now(UTC)

    def total(self, money: str) -> int:
        """Add up the credits that are held, spent or free."""
        return sum(job.credits for job in self.jobs if job.money == money)

    @property
    def available(self) -> int:
        """Return what the wallet must have."""
        return self.granted - self.total("held") - self.total("spent")

    def count(self, scope: Scope, window: str, *money: str) -> int:
        """Add up what a scope holds or spent in the current window."""
        return sum(
            job.credits
            for job in self.jobs
            if scope in job.scopes
            and job.money in money
            and era(window, job.at) == era(window, self.now)
        )

    def obstacle(self, scopes: list[Scope], credits: int) -> str | None:
        """Return the scope that has no room, narrowest first, or `wallet`, or None."""
        for scope in scopes:
            for (capped, window), limit in self.limits.items():
                used = self.count(scope, window, "held", "spent")
                if capped == scope and used + credits > limit:
                    return "member" if scope[0] == "own" else scope[0]
        return "wallet" if credits > self.available else None

    def scopes_of(self, person: Person, *, by_key: bool, project: int | None) -> list[Scope]:
        """Return what a submission counts under, narrowest first."""
        user = person.membership.user.pk
        return [
            *([("api_key", person.api_key.pk)] if by_key else []),
            ("provider_key", person.provider_key),
            *([("project", project)] if project is not None else []),
            ("own", user),
            ("member", user),
            ("team", 0),
        ]

    def asks(self, person: Person, project: int | None, credits: int) -> bool:
        """Return whether so many credits need somebody's approval."""
        over = [("team", 0), ("member", person.membership.user.pk)]
        over += [("project", project)] if project is not None else []
        return any(credits > self.thresholds[one] for one in over if one in self.thresholds)
