"""Sums over all teams, for the administrators of the installation."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDay

from accounts.models import Team
from billing.models import Account, SpendLimit, SpendWindow, Transfer
from billing.selectors import Books, LimitUse, site_zone
from billing.windows import Window, window_end, window_start


def books_of_all() -> Books:
    """Return the sums of every team's accounts together."""
    rows = Account.objects.order_by().values("kind").annotate(net=Sum(F("credits") - F("debits")))
    net = {row["kind"]: int(row["net"]) for row in rows}
    return Books(
        granted=-net.get(Account.Kind.GRANTED, 0),
        available=net.get(Account.Kind.WALLET, 0),
        held=net.get(Account.Kind.HELD, 0),
        spent=net.get(Account.Kind.SPENT, 0),
    )


def teams_with_books() -> QuerySet[Team]:
    """Return every team with its `available`, `held` and `spent` credits, in one query."""

    def balance(kind: str) -> Coalesce:
        net = F("accounts__credits") - F("accounts__debits")
        return Coalesce(Sum(net, filter=Q(accounts__kind=kind)), 0)

    return Team.objects.annotate(
        available=balance(Account.Kind.WALLET),
        held=balance(Account.Kind.HELD),
        spent=balance(Account.Kind.SPENT),
    )


def wallets_below_mark() -> QuerySet[Account]:
    """Return the wallets with fewer credits available than their mark, the emptiest first.

    A team that was never granted anything has nothing that could run low.
    """
    low = Account.objects.filter(
        kind=Account.Kind.WALLET, credits__gt=0, credits__lt=F("debits") + F("low_at")
    )
    return low.select_related("team").order_by(F("credits") - F("debits"), "pk")


def spent_by_day(*, days: int, now: datetime) -> list[tuple[datetime, int]]:
    """Return the credits settled on each of the last `days` days of the site's zone, oldest first.

    Days without a settlement are in it, with 0.
    """
    zone = site_zone()
    today = window_start(Window.DAY, now, zone).astimezone(zone)
    starts = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    rows = (
        Transfer.objects.filter(kind=Transfer.Kind.SETTLE, created_at__gte=starts[0])
        .order_by()
        .values(day=TruncDay("created_at", tzinfo=zone))
        .annotate(credits=Sum("amount"))
    )
    spent = {row["day"].date(): int(row["credits"]) for row in rows}
    return [(start, spent.get(start.date(), 0)) for start in starts]


def uses_of(limits: Iterable[SpendLimit], *, now: datetime) -> dict[int, LimitUse]:
    """Return the use of each limit in its current window, by the limit's id, in one query."""
    zone, known = site_zone(), list(limits)
    starts = {window: window_start(window, now, zone) for window in Window.values}
    rows = SpendWindow.objects.filter(limit__in=known, starts_at__in=starts.values())
    # A total starts at the epoch and a month may start with its day: the pair decides.
    counted = {(row.limit_id, row.starts_at): row for row in rows}
    uses = {}
    for limit in known:
        starts_at = starts[limit.window]
        row = counted.get((limit.pk, starts_at))
        uses[limit.pk] = LimitUse(
            limit=limit,
            held=row.held if row else 0,
            spent=row.spent if row else 0,
            resets_at=window_end(limit.window, starts_at, zone),
        )
    return uses
