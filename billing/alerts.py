"""Which limits and wallets people should hear about. Reads only; the sweep asks often."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, IntegerField, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Greatest

from billing.models import Account, SpendAlert, SpendWindow
from billing.selectors import site_zone
from billing.windows import Window, window_end, window_start


@dataclass(frozen=True, slots=True)
class Crossing:
    """A current window whose held and spent credits have reached thresholds not told yet."""

    window: SpendWindow
    thresholds: list[int]
    resets_at: datetime | None

    @property
    def used(self) -> int:
        """Return what counts against the cap, in credits."""
        return self.window.held + self.window.spent


def crossings(*, now: datetime, most: int = 100) -> list[Crossing]:
    """Return the current windows with something new to tell, at most `most` of them.

    A threshold below one that was told already is old news, and an unused limit (of 0 credits,
    say) has none. Only current windows are read, by the index of when they started.
    """
    zone = site_zone()
    starts = {kind: window_start(kind, now, zone) for kind in Window.values}
    current = Q()
    for kind, starts_at in starts.items():
        current |= Q(limit__window=kind, starts_at=starts_at)
    told = SpendAlert.objects.filter(window=OuterRef("pk")).order_by().values("window")
    # The thresholds are stored sorted; without any this is null, and the row falls out.
    lowest = Cast(KeyTextTransform("0", "limit__alert_at"), IntegerField())
    windows = (
        SpendWindow.objects.filter(current, starts_at__in=set(starts.values()))
        .annotate(
            used=F("held") + F("spent"),
            hundredfold=(F("held") + F("spent")) * 100,
            told=Coalesce(Subquery(told.annotate(top=Max("threshold")).values("top")), 0),
        )
        .filter(used__gt=0, told__lt=100)
        .filter(hundredfold__gte=F("limit__credits") * Greatest(lowest, F("told") + 1))
        .select_related("limit")
        .order_by("pk")
    )
    found = []
    for window in windows[:most]:
        fresh = _reached(window)
        if fresh:
            ends = window_end(window.limit.window, window.starts_at, zone)
            found.append(Crossing(window, fresh, ends))
    return found


def low_wallets() -> QuerySet[Account]:
    """Return the wallets that have fallen below their mark and that nobody heard of yet.

    A team that was never granted anything has nothing that could run low.
    """
    return Account.objects.filter(
        kind=Account.Kind.WALLET,
        low_since=None,
        credits__gt=0,
        credits__lt=F("debits") + F("low_at"),
    ).select_related("team")


def _reached(window: SpendWindow) -> list[int]:
    limit, used = window.limit, window.held + window.spent
    told: int = getattr(window, "told", 0)
    return [one for one in limit.alert_at if one > told and used * 100 >= limit.credits * one]
