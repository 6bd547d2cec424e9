"""Prove the books from their rows, and name each row that does not fit."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from billing.models import Account, Hold, HoldWindow, SpendWindow, Transfer
from billing.selectors import books_of


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that contradicts another: what, which row, and both figures in words."""

    rule: str
    row: str
    problem: str


def audit_books() -> Iterator[Finding]:
    """Yield every contradiction in accounts, transfers, holds and spend windows."""
    yield from _accounts_match_their_transfers()
    yield from _holds_match_their_transfers()
    yield from _held_accounts_match_open_holds()
    yield from _windows_match_their_holds()
    yield from _sums_balance()


def _total(side: str) -> Coalesce:
    sums = (
        Transfer.objects.filter(**{side: OuterRef("pk")})
        .order_by()
        .values(side)
        .annotate(total=Sum("amount"))
        .values("total")
    )
    return Coalesce(Subquery(sums), 0)


def _accounts_match_their_transfers() -> Iterator[Finding]:
    accounts = Account.objects.annotate(
        out=_total("debit_account"), inward=_total("credit_account")
    )
    for account in accounts.exclude(debits=F("out"), credits=F("inward")).select_related("team"):
        yield Finding(
            "account",
            f"account:{account.pk}",
            f"{account} says {account.debits} out and {account.credits} in, its transfers say "
            f"{account.out} and {account.inward}",
        )


def _holds_match_their_transfers() -> Iterator[Finding]:
    def entries(*kinds: str) -> Count:
        return Count("transfers", filter=Q(transfers__kind__in=kinds), distinct=True)

    def credits(kind: str, **of_entry: str) -> Coalesce:
        entry = Q(transfers__kind=kind, **of_entry)
        return Coalesce(Sum("transfers__amount", filter=entry), 0)

    holds = Hold.objects.annotate(
        openings=entries("hold"),
        opened=credits("hold"),
        was_settled=credits("settle"),
        was_released=credits("release"),
        was_adjusted=credits("adjust", transfers__credit_account__kind="spent")
        - credits("adjust", transfers__debit_account__kind="spent"),
    )
    sound = Q(
        openings=1,
        opened=F("amount"),
        was_settled=F("settled"),
        was_released=F("released"),
        was_adjusted=F("adjusted"),
    )
    for hold in holds.exclude(sound):
        yield Finding(
            "hold",
            f"hold:{hold.pk}",
            f"{hold}: settled {hold.settled}, released {hold.released}, adjusted {hold.adjusted}; "
            f"its transfers open {hold.opened}, settle {hold.was_settled}, release "
            f"{hold.was_released} and adjust {hold.was_adjusted}",
        )


def _held_accounts_match_open_holds() -> Iterator[Finding]:
    open_sums = (
        Hold.objects.filter(team=OuterRef("team"), closed_at=None)
        .order_by()
        .values("team")
        .annotate(total=Sum("amount"))
        .values("total")
    )
    held = Account.objects.filter(kind=Account.Kind.HELD).annotate(
        open_sum=Coalesce(Subquery(open_sums), 0)
    )
    for account in held.select_related("team"):
        if account.balance != account.open_sum:
            yield Finding(
                "held",
                f"account:{account.pk}",
                f"{account} has {account.balance}, the open holds sum to {account.open_sum}",
            )


def _windows_match_their_holds() -> Iterator[Finding]:
    def sums(**of_hold: object) -> Subquery:
        links = HoldWindow.objects.filter(window=OuterRef("pk"), **of_hold).order_by()
        column = F("hold__amount") if of_hold else F("hold__settled") + F("hold__adjusted")
        return Subquery(links.values("window").annotate(total=Sum(column)).values("total"))

    windows = SpendWindow.objects.annotate(
        held_sum=Coalesce(sums(hold__closed_at=None), 0), spent_sum=Coalesce(sums(), 0)
    )
    for window in windows.exclude(held=F("held_sum"), spent=F("spent_sum")):
        yield Finding(
            "window",
            f"spend_window:{window.pk}",
            f"held {window.held} and spent {window.spent}, its holds say {window.held_sum} and "
            f"{window.spent_sum}",
        )


def _sums_balance() -> Iterator[Finding]:
    for account in Account.objects.filter(kind=Account.Kind.GRANTED).select_related("team"):
        books = books_of(account.team)
        if books.granted != books.available + books.held + books.spent:
            yield Finding("sums", f"team:{account.team_id}", f"{account.team}: {books}")
