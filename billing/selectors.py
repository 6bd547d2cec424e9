"""Reads about money, for showing; decisions are made in `ledger` (P06)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from accounts.models import Team
from billing.models import Account, SpendLimit, SpendWindow
from billing.subjects import Subject
from billing.windows import Window, window_end, window_start


@dataclass(frozen=True, slots=True)
class Books:
    """A team's four sums in credits. ``granted = available + held + spent`` by construction."""

    granted: int = 0
    available: int = 0
    held: int = 0
    spent: int = 0


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How far one limit is used in its current window, in credits."""

    limit: SpendLimit
    held: int
    spent: int
    resets_at: datetime | None

    @property
    def used(self) -> int:
        """Return what counts against the cap."""
        return self.held + self.spent

    @property
    def left(self) -> int:
        """Return the room that is left, never below zero."""
        return max(0, self.limit.credits - self.used)


def books_of(team: Team) -> Books:
    """Return the team's sums as they stand."""
    balances = {account.kind: account.balance for account in Account.objects.filter(team=team)}
    return Books(
        granted=balances.get(Account.Kind.GRANTED, 0),
        available=balances.get(Account.Kind.WALLET, 0),
        held=balances.get(Account.Kind.HELD, 0),
        spent=balances.get(Account.Kind.SPENT, 0),
    )


def limits_of(
    subject_kind: str, subject_id: object, *, now: datetime | None = None
) -> list[LimitUse]:
    """Return the use of every limit of one subject at `now`, shortest window first."""
    limits = SpendLimit.objects.filter(subject_kind=subject_kind, subject_id=str(subject_id))
    order = list(Window.values)
    return sorted(uses_of(list(limits), now=now), key=lambda use: order.index(use.limit.window))


def uses_over(
    subjects: Sequence[Subject], *, now: datetime | None = None
) -> dict[Subject, list[LimitUse]]:
    """Return the use of every limit of each of `subjects` at `now`, shortest window first.

    Two queries, however many there are; a subject without limits is left out.
    """
    order = list(Window.values)
    found: dict[Subject, list[LimitUse]] = {}
    for use in uses_of(limits_over(subjects), now=now):
        subject = Subject(use.limit.subject_kind, use.limit.subject_id)
        found.setdefault(subject, []).append(use)
    for uses in found.values():
        uses.sort(key=lambda use: order.index(use.limit.window))
    return found


def limits_over(subjects: Sequence[Subject]) -> list[SpendLimit]:
    """Return every limit of `subjects`, in the order of the subjects, then of their making."""
    if not subjects:
        return []
    theirs = Q()
    for subject in subjects:
        theirs |= Q(subject_kind=subject.kind, subject_id=subject.id)
    order = {(subject.kind, subject.id): place for place, subject in enumerate(subjects)}
    limits = SpendLimit.objects.filter(theirs)
    return sorted(limits, key=lambda one: (order[one.subject_kind, one.subject_id], one.pk))


def use_of(limit: SpendLimit, *, now: datetime | None = None) -> LimitUse:
    """Return the use of `limit` in the window that holds `now`."""
    return uses_of([limit], now=now)[0]


def uses_of(limits: Sequence[SpendLimit], *, now: datetime | None = None) -> list[LimitUse]:
    """Return the use of each of `limits` in the window that holds `now`, in one query."""
    zone, at = site_zone(), now or timezone.now()
    starts = {kind: window_start(kind, at, zone) for kind in Window.values}
    current = Q()
    for kind, starts_at in starts.items():
        current |= Q(limit__window=kind, starts_at=starts_at)
    windows = {
        window.limit_id: window for window in SpendWindow.objects.filter(current, limit__in=limits)
    }
    uses = []
    for limit in limits:
        window = windows.get(limit.pk)
        uses.append(
            LimitUse(
                limit=limit,
                held=window.held if window else 0,
                spent=window.spent if window else 0,
                resets_at=window_end(limit.window, starts[limit.window], zone),
            )
        )
    return uses


def site_zone() -> ZoneInfo:
    """Return the site's time zone, by which windows are cut."""
    return ZoneInfo(timezone.get_default_timezone_name())
