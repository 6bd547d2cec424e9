"""What a person ends in doubt or puts right afterwards, and its proof in the books (P13, P14)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.models import AuditEvent
from billing.errors import InsufficientCredits, LedgerConflict
from billing.models import Account, Hold
from billing.selectors import Books, books_of
from generations.lifecycle import State
from generations.models import Generation
from generations.reports.audit import audit_site
from generations.review.corrections import adjust, release_reviewed, settle_reviewed
from platform_site.errors import Conflict, InvalidRequest
from tests.factories import fund
from tests.support.correcting import ADMIN, ANY, EndDoubt, closings
from tests.support.desk import Desk, complete, fail, fresh, send
from tests.support.races import race

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]


def now() -> datetime:
    return datetime.now(UTC)


# A person ends a doubt


def test_p13_a_released_doubt_is_one_audited_entry(desk: Desk, doubtful: Generation) -> None:
    assert doubtful.state == State.NEEDS_REVIEW
    release_reviewed(doubtful, **ANY, now=now())
    assert closings(doubtful) == [("release", "held", "wallet", 70)]
    ended = fresh(doubtful)
    assert (ended.state, ended.error_code) == ("failed", "decided_in_review")
    assert books_of(desk.team) == Books(granted=1_000, available=1_000)
    event = AuditEvent.objects.get(action="generation.review_release")
    assert (event.actor, event.request_id) == (ADMIN.name, ADMIN.request_id)
    assert (event.subject_kind, event.subject_id) == ("generation", str(ended.pk))
    assert event.reason == ANY["reason"]


def test_p13_a_settled_doubt_is_one_audited_entry(desk: Desk, doubtful: Generation) -> None:
    settle_reviewed(doubtful, **ANY, now=now())
    assert closings(doubtful) == [("settle", "held", "spent", 70)]
    assert books_of(desk.team) == Books(granted=1_000, available=930, spent=70)
    assert AuditEvent.objects.get(action="generation.review_settle").reason == ANY["reason"]


@pytest.mark.parametrize("end", [release_reviewed, settle_reviewed])
@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_doubt_does_not_end_without_a_reason(
    doubtful: Generation, end: EndDoubt, reason: str
) -> None:
    with pytest.raises(InvalidRequest):
        end(doubtful, by=ADMIN, reason=reason, now=now())
    assert closings(doubtful) == []


@pytest.mark.parametrize("end", [release_reviewed, settle_reviewed])
def test_p16_what_the_vendor_works_at_cannot_be_ended_by_a_person(
    desk: Desk, end: EndDoubt
) -> None:
    for generation in [desk.submit(), send(desk.submit()), complete(desk.submit())]:
        with pytest.raises(Conflict):
            end(fresh(generation), **ANY, now=now())
    assert books_of(desk.team).held == 140


@pytest.mark.parametrize("second", [release_reviewed, settle_reviewed])
@pytest.mark.parametrize("first", [release_reviewed, settle_reviewed])
def test_p09_a_doubt_ends_once(doubtful: Generation, first: EndDoubt, second: EndDoubt) -> None:
    stale = fresh(doubtful)
    first(doubtful, **ANY, now=now())
    for generation in [stale, fresh(doubtful)]:
        with pytest.raises(Conflict):
            second(generation, **ANY, now=now())
    assert len(closings(doubtful)) == 1
    assert AuditEvent.objects.filter(action__startswith="generation.").count() == 1


# A person corrects what ended


@pytest.mark.parametrize(
    ("end", "spent", "entry", "books"),
    [
        (complete, False, ("adjust", "spent", "wallet", 70), Books(1_000, 1_000, 0, 0)),
        (fail, True, ("adjust", "wallet", "spent", 70), Books(1_000, 930, 0, 70)),
    ],
)
def test_p14_a_correction_is_one_linked_audited_entry(
    desk: Desk, end: Callable[..., Generation], spent: bool, entry: tuple[Any, ...], books: Books
) -> None:
    desk.cap("project", 500, "month")
    generation = end(desk.submit())
    adjust(generation, spent=spent, **ANY, now=now())
    assert closings(generation)[1:] == [entry]
    assert books_of(desk.team) == books
    event = AuditEvent.objects.get(action="generation.adjusted")
    assert (event.actor, event.reason, event.data["spent"]) == (ADMIN.name, ANY["reason"], spent)
    for again in [spent, not spent]:
        with pytest.raises(LedgerConflict):
            adjust(generation, spent=again, **ANY, now=now())
    assert len(closings(generation)) == 2
    assert AuditEvent.objects.filter(action="generation.adjusted").count() == 1


@pytest.mark.parametrize("spent", [True, False])
def test_p14_a_correction_needs_a_reason_and_something_to_correct(desk: Desk, spent: bool) -> None:
    ended = (complete if spent else fail)(desk.submit())
    wrong = (fail if spent else complete)(desk.submit())
    for generation in [ended, desk.submit()]:  # says so already; open
        with pytest.raises(LedgerConflict):
            adjust(generation, spent=spent, **ANY, now=now())
    with pytest.raises(InvalidRequest):
        adjust(wrong, spent=spent, by=ADMIN, reason=" ", now=now())
    assert not AuditEvent.objects.filter(action="generation.adjusted").exists()


def test_p14_a_correction_that_the_wallet_cannot_pay_changes_nothing(desk: Desk) -> None:
    generation = fail(desk.submit())
    for _ in range(14):
        desk.submit()
    with pytest.raises(InsufficientCredits):
        adjust(generation, spent=True, **ANY, now=now())
    assert closings(generation) == [("release", "held", "wallet", 70)]
    assert not AuditEvent.objects.filter(action="generation.adjusted").exists()
    fund(desk.team, 70)
    adjust(generation, spent=True, **ANY, now=now())


def test_p07_a_correction_counts_in_the_window_of_the_hold(desk: Desk) -> None:
    limit = desk.cap("team", 1_000, "day")
    assert limit is not None
    generation = fail(desk.submit())
    adjust(generation, spent=True, **ANY, now=now() + timedelta(days=3))
    [window] = limit.windows.all()
    assert (window.held, window.spent) == (0, 70)


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p14_of_many_corrections_at_once_one_is_made(desk: Desk) -> None:
    generation = fail(desk.submit())

    def work(_number: int) -> None:
        adjust(fresh(generation), spent=True, **ANY, now=now())

    results = race(12, work)
    assert results.count(None) == 1
    assert {type(one) for one in results if one is not None} == {LedgerConflict}
    assert books_of(desk.team).spent == 70
    assert list(audit_site()) == []


# The proof


@pytest.mark.parametrize(("end", "planted"), [(complete, -70), (fail, 70)])
def test_the_audit_finds_a_wrong_correction(
    desk: Desk, end: Callable[..., Generation], planted: int
) -> None:
    holds = Hold.objects.filter(pk=end(desk.submit()).hold_id)
    desk.cap("team", 1_000)
    holds.update(adjusted=planted)
    assert {finding.rule for finding in audit_site()} == {"hold", "window"}
    holds.update(adjusted=0)


@pytest.mark.parametrize("planted", [1, -1, 69, 140])
def test_p08_the_database_takes_no_partial_correction(desk: Desk, planted: int) -> None:
    holds = Hold.objects.filter(pk=fail(desk.submit()).hold_id)
    with pytest.raises(IntegrityError), transaction.atomic():
        holds.update(adjusted=planted)


def test_the_audit_finds_a_correction_without_its_mark(desk: Desk) -> None:
    generation = fail(desk.submit())
    adjust(generation, spent=True, **ANY, now=now())
    Hold.objects.filter(pk=generation.hold_id).update(adjusted=0)
    assert {finding.rule for finding in audit_site()} == {"hold"}
    Hold.objects.filter(pk=generation.hold_id).update(adjusted=70)


def test_the_audit_finds_credits_that_were_corrected_in_the_account_only(desk: Desk) -> None:
    fail(desk.submit())
    spent = Account.objects.filter(team=desk.team, kind="spent")
    wallet = Account.objects.filter(team=desk.team, kind="wallet")
    spent.update(credits=70)
    wallet.update(debits=140)
    assert {finding.rule for finding in audit_site()} == {"account"}
    spent.update(credits=0)
    wallet.update(debits=70)
