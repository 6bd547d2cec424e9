"""Money with many hands on it at once, on whichever database the tests run with."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Team
from billing.admission import WantedHold, plan_holds, read_wallet
from billing.audit import audit_books
from billing.errors import AdmissionOutdated, InsufficientCredits, SpendLimitExceeded
from billing.ledger import grant, release_hold, settle_hold
from billing.models import Hold, SpendWindow, Transfer
from billing.selectors import Books, books_of
from billing.subjects import Subject
from tests.factories import SYSTEM, make_hold, make_limit, make_team, team_subject
from tests.support.races import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

CALLERS = 50
KEY, OTHER = Subject("api_key", "7"), Subject("api_key", "8")


def take(team: Team, amount: int, **options: Any) -> Hold:
    """Hold credits as an admission does: planned again when others were quicker."""
    while True:
        try:
            return make_hold(team, amount, **options)
        except AdmissionOutdated:
            continue


def outcomes(results: Sequence[object]) -> Counter[str]:
    """Count results by type."""
    return Counter(type(result).__name__ for result in results)


def test_p01_of_fifty_callers_with_room_in_the_wallet_for_three_three_get_in() -> None:
    team = make_team(credits=3 * 70 + 69)
    results = race(CALLERS, lambda _n: take(team, 70))
    assert outcomes(results) == {"Hold": 3, "InsufficientCredits": 47}
    assert books_of(team) == Books(granted=279, available=69, held=210, spent=0)
    assert not list(audit_books())


@pytest.mark.parametrize("window", ["hour", "total"])
def test_p01_of_fifty_callers_with_room_in_a_limit_for_three_three_get_in(window: str) -> None:
    team = make_team(credits=100_000)
    key = Subject("api_key", "7")
    make_limit(key, 3 * 70 + 69, team=team, window=window)
    now = timezone.now()
    results = race(CALLERS, lambda _n: take(team, 70, subjects=(key,), now=now))
    assert outcomes(results) == {"Hold": 3, "SpendLimitExceeded": 47}
    window_row = SpendWindow.objects.get()
    assert (window_row.held, window_row.spent) == (210, 0)
    assert not list(audit_books())


def test_p01_callers_with_limits_of_their_own_and_one_in_common_leave_no_trace_when_refused() -> (
    None
):
    team = make_team(credits=100_000)
    common = team_subject(team)
    make_limit(common, 3 * 70, team=team, window="day")
    keys = [Subject("api_key", str(number)) for number in range(10)]
    for key in keys:
        make_limit(key, 2 * 70, team=team)
    now = timezone.now()
    results = race(CALLERS, lambda n: take(team, 70, subjects=(keys[n % 10], common), now=now))
    assert outcomes(results) == {"Hold": 3, "SpendLimitExceeded": 47}
    assert sum(w.held for w in SpendWindow.objects.exclude(limit__subject_kind="team")) == 210
    assert not list(audit_books())


def test_p01_the_same_race_with_closings_in_between_never_oversteps() -> None:
    team = make_team(credits=210)

    def hold_and_release(number: int) -> Hold:
        hold = take(team, 70)
        with transaction.atomic():
            close = settle_hold if number % 10 == 0 else release_hold
            close(hold_id=hold.pk, by=SYSTEM, reason="Done", now=timezone.now())
        return hold

    results = race(30, hold_and_release)
    assert set(outcomes(results)) <= {"Hold", "InsufficientCredits"}
    books = books_of(team)
    assert books.held == 0
    assert books.granted == books.available + books.spent == 210
    assert not list(audit_books())


def test_p09_of_twenty_who_settle_or_release_one_hold_one_wins() -> None:
    team = make_team(credits=70)
    make_limit(team_subject(team), 70, team=team)
    hold = take(team, 70, subjects=(team_subject(team),))

    def close(number: int) -> Transfer | None:
        verb = settle_hold if number % 2 else release_hold
        with transaction.atomic():
            return verb(hold_id=hold.pk, by=SYSTEM, reason="Raced", now=timezone.now())

    results = race(20, close)
    assert outcomes(results) == {"Transfer": 1, "NoneType": 19}
    assert Transfer.objects.filter(hold=hold).exclude(kind="hold").count() == 1
    assert not list(audit_books())


def test_credits_that_flow_both_ways_at_once_do_not_deadlock() -> None:
    team = make_team(credits=1_000)
    limit = team_subject(team)
    make_limit(limit, 1_000, team=team, window="day")
    holds = [take(team, 10, subjects=(limit,)) for _ in range(10)]

    def flow(number: int) -> object:
        if number < 10:  # held → wallet
            with transaction.atomic():
                return release_hold(
                    hold_id=holds[number].pk, by=SYSTEM, reason="Raced", now=timezone.now()
                )
        if number < 20:  # wallet → held
            return take(team, 10, subjects=(limit,))
        return grant(team=team, credits=10, reason="Raced", by=SYSTEM)  # granted → wallet

    errors = [result for result in race(30, flow) if isinstance(result, Exception)]
    assert not errors
    assert books_of(team) == Books(granted=1_100, available=1_000, held=100, spent=0)
    assert not list(audit_books())


def test_twenty_grants_with_one_key_add_credits_once() -> None:
    team = make_team()
    results = race(
        20,
        lambda _n: grant(
            team=team, credits=50, reason="Bought", by=SYSTEM, idempotency_key="inv-9"
        ),
    )
    assert outcomes(results) == {"Transfer": 20}
    assert books_of(team).granted == 50


def test_the_first_holds_of_a_new_window_share_one_row() -> None:
    team = make_team(credits=10_000)
    key = Subject("api_key", "7")
    make_limit(key, 10_000, team=team, window="hour")
    now = timezone.now() + timedelta(days=1)
    results = race(20, lambda _n: take(team, 10, subjects=(key,), now=now))
    assert outcomes(results) == {"Hold": 20}
    assert SpendWindow.objects.get().held == 200


def test_holds_in_either_order_with_batches_and_ends_do_not_deadlock() -> None:
    team = make_team(credits=100_000)
    for subject in (KEY, OTHER, team_subject(team)):
        for window in ("hour", "day", "total"):
            make_limit(subject, 100_000, team=team, window=window)
    now = timezone.now()

    def work(number: int) -> None:
        order = (KEY, OTHER) if number % 2 else (OTHER, KEY)
        alone = take(team, 10, subjects=(*order, team_subject(team)), now=now)
        wanted = [
            WantedHold(10, Subject("test", f"{number}-{place}"), (subject, team_subject(team)))
            for place, subject in enumerate(order * 3)
        ]
        plan = plan_holds(team=team, wanted=wanted, now=now, wallet=read_wallet(team))
        with transaction.atomic(), plan.taking(plan.holds(), by=SYSTEM):
            pass
        with transaction.atomic():
            close = settle_hold if number % 2 else release_hold
            close(hold_id=alone.pk, by=SYSTEM, reason="Made", now=now)

    assert race(12, work) == [None] * 12
    of_keys = SpendWindow.objects.exclude(limit__subject_kind="team")
    assert sorted((row.held, row.spent) for row in of_keys) == [(360, 60)] * 6
    assert list(audit_books()) == []


def test_refusals_are_of_the_two_kinds_that_say_why() -> None:
    team = make_team(credits=10)
    make_limit(team_subject(team), 5, team=team)
    with pytest.raises(SpendLimitExceeded):
        take(team, 6, subjects=(team_subject(team),))
    with pytest.raises(InsufficientCredits):
        take(team, 11)
