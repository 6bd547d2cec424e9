"""`adjust_hold`: a closed hold is corrected once, by an entry that is linked to it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from billing.audit import audit_books
from billing.errors import InsufficientCredits, LedgerConflict
from billing.ledger import adjust_hold, release_hold, settle_hold
from billing.models import Hold, SpendWindow, Transfer
from billing.selectors import Books, books_of
from billing.subjects import Subject
from platform_site.errors import InvalidRequest
from tests.factories import SYSTEM, make_hold, make_limit, make_team
from tests.support.races import race

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

KEY = Subject("api_key", "7")
LATE = datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)


def close(hold: Hold, *, spent: bool) -> None:
    """Settle or release a hold."""
    verb = settle_hold if spent else release_hold
    with transaction.atomic():
        assert verb(hold_id=hold.pk, by=SYSTEM, reason="Told", now=timezone.now())


def adjust(
    hold: Hold, *, spent: bool, reason: str = "The bill", now: datetime | None = None
) -> Transfer:
    """Correct a hold."""
    with transaction.atomic():
        return adjust_hold(
            hold_id=hold.pk, spent=spent, by=SYSTEM, reason=reason, now=now or timezone.now()
        )


@pytest.mark.parametrize(
    ("spent", "way", "adjusted", "books"),
    [
        (True, ("wallet", "spent"), 70, Books(granted=1000, available=930, held=0, spent=70)),
        (False, ("spent", "wallet"), -70, Books(granted=1000, available=1000, held=0, spent=0)),
    ],
)
def test_p14_a_correction_turns_a_closed_hold_round_by_one_entry(
    spent: bool, way: tuple[str, str], adjusted: int, books: Books
) -> None:
    team = make_team(credits=1000)
    limit = make_limit(KEY, 500, team=team)
    hold = make_hold(team, 70, subjects=(KEY,))
    close(hold, spent=not spent)
    entry = Transfer.objects.get(pk=adjust(hold, spent=spent, reason="Invoice 7", now=LATE).pk)
    hold.refresh_from_db()
    assert (entry.kind, entry.amount, entry.hold) == ("adjust", 70, hold)
    assert (entry.debit_account.kind, entry.credit_account.kind) == way
    assert (entry.actor, entry.reason, entry.created_at) == (SYSTEM.name, "Invoice 7", LATE)
    assert (hold.adjusted, hold.spent) == (adjusted, max(0, adjusted))
    assert books_of(team) == books
    window = SpendWindow.objects.get(limit=limit)
    assert (window.held, window.spent) == (0, books.spent)
    assert list(audit_books()) == []


@pytest.mark.parametrize("spent", [True, False])
def test_p14_a_hold_is_corrected_once(spent: bool) -> None:
    team = make_team(credits=1000)
    hold = make_hold(team, 70)
    close(hold, spent=not spent)
    adjust(hold, spent=spent)
    books = books_of(team)
    for again in (True, False):
        with pytest.raises(LedgerConflict):
            adjust(hold, spent=again)
    assert books_of(team) == books
    assert Transfer.objects.filter(hold=hold, kind="adjust").count() == 1


@pytest.mark.parametrize("spent", [True, False])
def test_p14_what_a_hold_says_already_is_no_correction(spent: bool) -> None:
    team = make_team(credits=1000)
    hold = make_hold(team, 70)
    close(hold, spent=spent)
    books = books_of(team)
    with pytest.raises(LedgerConflict) as caught:
        adjust(hold, spent=spent)
    assert (caught.value.status, caught.value.code) == (409, "conflict")
    assert books_of(team) == books


@pytest.mark.parametrize("spent", [True, False])
def test_p14_an_open_hold_is_closed_and_not_corrected(spent: bool) -> None:
    team = make_team(credits=1000)
    hold = make_hold(team, 70)
    with pytest.raises(LedgerConflict):
        adjust(hold, spent=spent)
    hold.refresh_from_db()
    assert (hold.is_open, hold.adjusted) == (True, 0)
    assert books_of(team).held == 70


def test_a_hold_that_does_not_exist_cannot_be_corrected() -> None:
    with pytest.raises(LedgerConflict):
        adjust(Hold(), spent=True)


def test_p01_a_wallet_without_the_credits_refuses_the_correction_and_nothing_changes() -> None:
    team = make_team(credits=100)
    make_limit(KEY, 70, team=team)
    hold = make_hold(team, 70, subjects=(KEY,))
    close(hold, spent=False)
    make_hold(team, 31)
    with pytest.raises(InsufficientCredits) as caught:
        adjust(hold, spent=True)
    assert caught.value.details == {
        "scope": "wallet",
        "window": "total",
        "limit": 100,
        "spent": 0,
        "held": 31,
        "needed": 70,
        "resets_at": None,
    }
    hold.refresh_from_db()
    assert hold.adjusted == 0
    assert books_of(team) == Books(granted=100, available=69, held=31, spent=0)
    assert SpendWindow.objects.get().spent == 0
    assert not Transfer.objects.filter(kind="adjust").exists()
    assert list(audit_books()) == []


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_correction_says_why(reason: str) -> None:
    hold = make_hold(make_team(credits=70), 70)
    close(hold, spent=True)
    with pytest.raises(InvalidRequest) as caught:
        adjust(hold, spent=False, reason=reason)
    assert caught.value.field == "reason"
    assert not Transfer.objects.filter(kind="adjust").exists()


def test_p07_a_correction_counts_in_the_window_that_the_hold_was_taken_in() -> None:
    team = make_team(credits=1000)
    make_limit(KEY, 100, team=team, window="day")
    hold = make_hold(team, 70, subjects=(KEY,), now=LATE)
    close(hold, spent=False)
    make_hold(team, 40, subjects=(KEY,), now=LATE + timedelta(days=1))
    adjust(hold, spent=True, now=LATE + timedelta(days=2))
    days = {row.starts_at.day: (row.held, row.spent) for row in SpendWindow.objects.all()}
    assert days == {1: (0, 70), 2: (40, 0)}


@pytest.mark.django_db(transaction=True)
def test_p10_a_correction_needs_a_transaction() -> None:
    hold = make_hold(make_team(credits=70), 70)
    close(hold, spent=True)
    with pytest.raises(transaction.TransactionManagementError):
        adjust_hold(hold_id=hold.pk, spent=False, by=SYSTEM, reason="x", now=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_p14_of_ten_who_correct_one_hold_at_once_one_does() -> None:
    team = make_team(credits=700)
    hold = make_hold(team, 70)
    close(hold, spent=False)
    results = race(10, lambda _n: adjust(hold, spent=True))
    assert sorted(type(one).__name__ for one in results) == ["LedgerConflict"] * 9 + ["Transfer"]
    assert books_of(team) == Books(granted=700, available=630, held=0, spent=70)
    assert list(audit_books()) == []
