"""Sums over all teams, for the administrators of the installation."""

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDay

from accounts.models import Team
from billing.models import Account, Transfer
from billing.selectors import Books, site_zone
from billing.windows import Window, window_start


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
