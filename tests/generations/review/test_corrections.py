"""What a person puts right, and the vendor's word that comes after it (P13, P14, P16)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.authority import By
from accounts.models import AuditEvent, Membership
from billing.errors import InsufficientCredits, LedgerConflict
from billing.models import Account, Hold, Transfer
from billing.selectors import Books, books_of
from generations.dispatch.send import mark_submit_unknown
from generations.lifecycle import LATE_WATCH, ReviewCause, State
from generations.models import Film, Generation, ProviderKey
from generations.polling.outcome import PollOutcome, apply_answer
from generations.provider_keys.service import delete_provider_key, wipe_sealed_keys
from generations.reports.audit import audit
from generations.review.corrections import adjust, release_reviewed, settle_reviewed
from generations.vendors import TaskReport, TaskStatus
from platform_site.errors import Conflict, InvalidRequest
from tests.factories import SYSTEM, fund, make_generation
from tests.support.api import Api
from tests.support.desk import Desk, complete, fail, fresh, hear, send
from tests.support.films import film_bytes
from tests.support.races import race
from tests.support.steps import claim_due, make_due, poll_due, run_queue
from tests.support.vendor import TASKS, Vendor, refuse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]

ADMIN = By("user:7/admin", "req-7", acts_everywhere=True)
ANY: dict[str, Any] = {"by": ADMIN, "reason": "The vendor's support said so"}

EndDoubt = Callable[..., None]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def doubtful(desk: Desk) -> Generation:
    """A generation of 70 credits that the vendor has, and has not finished by its deadline."""
    desk.cap("team", 1_000, "day")
    sent = send(desk.submit(), now=now() - timedelta(hours=3))
    return hear(sent, TaskStatus.PROCESSING)


@pytest.fixture
def at_vendor(alice: Membership, vendor: Vendor, provider_key: ProviderKey) -> Generation:
    """The same, with a task at a real vendor, which can be polled."""
    job = make_generation(
        alice,
        State.NEEDS_REVIEW,
        upstream_id=vendor.add_task(),
        duration=4,
        resolution="480p",
        generate_audio=False,
    )
    return fresh(job)


def closings(generation: Generation) -> list[tuple[str, str, str, int]]:
    """Return every entry of the hold after its opening: kind, from, to, credits."""
    entries = Transfer.objects.filter(hold=generation.hold_id).exclude(kind="hold").order_by("id")
    return [
        (entry.kind, entry.debit_account.kind, entry.credit_account.kind, entry.amount)
        for entry in entries
    ]


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
    assert list(audit()) == []


# The vendor's word, after a person's


def test_p14_completed_after_a_release_is_spent_and_the_film_kept(
    at_vendor: Generation, vendor: Vendor, api: Api
) -> None:
    job = at_vendor
    release_reviewed(job, **ANY, now=now())
    assert api.task(job.pk).json()["status"] == "failed"
    vendor.finish(job.upstream_id or "", film_bytes())
    make_due(job)
    poll_due()
    assert closings(job) == [
        ("release", "held", "wallet", 12),
        ("adjust", "wallet", "spent", 12),
    ]
    event = AuditEvent.objects.get(action="generation.adjusted")
    assert (event.actor, event.reason) == (
        "system:poll",
        "The vendor's word came after the decision.",
    )
    run_queue("keep")
    assert Film.objects.get().state == Film.State.KEPT
    # Labels are computed: who paid for a film gets it.
    task = api.task(job.pk).json()
    assert task["status"] == "completed"
    assert api.http.get(task["output"]["urls"][0]).status_code == 200
    assert fresh(job).next_poll_at is None


def test_p14_failed_after_a_settlement_is_given_back(at_vendor: Generation, vendor: Vendor) -> None:
    settle_reviewed(at_vendor, **ANY, now=now())
    vendor.fail(at_vendor.upstream_id or "")
    make_due(at_vendor)
    poll_due()
    assert closings(at_vendor)[1:] == [("adjust", "spent", "wallet", 12)]
    assert books_of(at_vendor.team) == Books(granted=1_000, available=1_000)
    assert fresh(at_vendor).next_poll_at is None


@pytest.mark.parametrize(
    ("end", "word"),
    [(release_reviewed, TaskStatus.FAILED), (settle_reviewed, TaskStatus.COMPLETED)],
)
def test_p14_a_word_that_agrees_changes_no_credit(
    desk: Desk, doubtful: Generation, end: EndDoubt, word: TaskStatus
) -> None:
    end(doubtful, **ANY, now=now())
    before = books_of(desk.team)
    after = hear(doubtful, word)
    assert books_of(desk.team) == before
    assert len(closings(doubtful)) == 1
    assert after.next_poll_at is None
    assert Film.objects.filter(generation=doubtful).exists() == (word == TaskStatus.COMPLETED)


@pytest.mark.parametrize("word", [TaskStatus.PROCESSING, TaskStatus.PENDING, None])
def test_p28_a_word_that_says_nothing_is_asked_for_again(
    doubtful: Generation, word: TaskStatus | None
) -> None:
    release_reviewed(doubtful, **ANY, now=now())
    moment = now()
    after = hear(doubtful, word, now=moment)
    assert after.next_poll_at == moment + timedelta(minutes=5)
    assert len(closings(doubtful)) == 1
    later = fresh(doubtful).ended_at
    assert later is not None
    assert hear(doubtful, word, now=later + LATE_WATCH).next_poll_at is None


@pytest.mark.parametrize("word", [TaskStatus.COMPLETED, TaskStatus.FAILED])
@pytest.mark.parametrize("end", [release_reviewed, settle_reviewed])
def test_p14_a_word_that_comes_twice_counts_once(
    desk: Desk, doubtful: Generation, end: EndDoubt, word: TaskStatus
) -> None:
    end(doubtful, **ANY, now=now())
    [claimed] = claim_due(now() + timedelta(minutes=6), limit=5)
    slow = fresh(doubtful)
    report = TaskReport(claimed.upstream_id, word, urls=("https://file.example/1.mp4",))
    for _ in range(3):  # a sweep that hung gives its question's answer again
        apply_answer(PollOutcome(slow, report), now=now())
    books = books_of(desk.team)
    assert books.spent == (70 if word == TaskStatus.COMPLETED else 0)
    assert books.held == 0
    assert len(closings(doubtful)) <= 2
    assert fresh(doubtful).next_poll_at is None


def test_p14_an_unclear_answer_after_the_truth_has_nobody_look_again(doubtful: Generation) -> None:
    release_reviewed(doubtful, **ANY, now=now())
    slow = fresh(doubtful)
    hear(doubtful, TaskStatus.COMPLETED)
    apply_answer(PollOutcome(slow, None), now=now())
    assert fresh(doubtful).next_poll_at is None


def test_p14_a_truth_that_the_wallet_cannot_pay_is_tried_until_it_can(
    desk: Desk, doubtful: Generation
) -> None:
    release_reviewed(doubtful, **ANY, now=now())
    for _ in range(14):
        desk.submit()
    ended_at = fresh(doubtful).ended_at
    assert ended_at is not None
    for waited in [
        timedelta(hours=1),
        LATE_WATCH - timedelta(seconds=1),
        LATE_WATCH + timedelta(days=3),
    ]:
        after = hear(doubtful, TaskStatus.COMPLETED, now=ended_at + waited)
        assert after.next_poll_at == ended_at + waited + timedelta(minutes=5)
        assert len(closings(doubtful)) == 1
        assert not Film.objects.exists()
    fund(desk.team, 70)
    hear(doubtful, TaskStatus.COMPLETED)
    assert closings(doubtful)[1:] == [("adjust", "wallet", "spent", 70)]
    assert Film.objects.filter(generation=doubtful).exists()
    assert fresh(doubtful).next_poll_at is None


def test_p14_a_truth_after_a_persons_correction_leaves_it_to_people(
    desk: Desk, doubtful: Generation
) -> None:
    release_reviewed(doubtful, **ANY, now=now())
    adjust(doubtful, spent=True, **ANY, now=now())
    hear(doubtful, TaskStatus.FAILED)
    assert len(closings(doubtful)) == 2
    assert books_of(desk.team).spent == 70
    agreed = hear(doubtful, TaskStatus.COMPLETED)
    assert Film.objects.filter(generation=agreed).exists()


def test_p25_a_deleted_key_is_kept_while_the_vendors_word_is_awaited(
    at_vendor: Generation, vendor: Vendor
) -> None:
    release_reviewed(at_vendor, **ANY, now=now())
    delete_provider_key(at_vendor.provider_key, by=SYSTEM)
    vendor.finish(at_vendor.upstream_id or "", urls=[])
    make_due(at_vendor)
    poll_due()
    assert closings(at_vendor)[1:] == [("adjust", "wallet", "spent", 12)]
    assert wipe_sealed_keys() == 1


def test_p13_a_vendor_that_lost_the_task_proves_nothing(
    at_vendor: Generation, vendor: Vendor
) -> None:
    settle_reviewed(at_vendor, **ANY, now=now())
    vendor.always(f"{TASKS}{at_vendor.upstream_id}", refuse(404, "task_not_found"))
    make_due(at_vendor)
    poll_due()
    assert len(closings(at_vendor)) == 1
    assert fresh(at_vendor).next_poll_at is not None


def test_a_doubt_without_an_upstream_id_is_ended_and_watched_by_nobody(desk: Desk) -> None:
    generation = fresh(desk.submit())
    Generation.objects.filter(pk=generation.pk).update(state="submitting", submitted_at=now())
    assert mark_submit_unknown(
        fresh(generation), cause=ReviewCause.BROKEN_OFF, message="No answer.", by=SYSTEM
    )
    release_reviewed(fresh(generation), **ANY, now=now())
    assert fresh(generation).next_poll_at is None


# The proof


@pytest.mark.parametrize(("end", "planted"), [(complete, -70), (fail, 70)])
def test_the_audit_finds_a_wrong_correction(
    desk: Desk, end: Callable[..., Generation], planted: int
) -> None:
    holds = Hold.objects.filter(pk=end(desk.submit()).hold_id)
    desk.cap("team", 1_000)
    holds.update(adjusted=planted)
    assert {finding.rule for finding in audit()} == {"hold", "window"}
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
    assert {finding.rule for finding in audit()} == {"hold"}
    Hold.objects.filter(pk=generation.hold_id).update(adjusted=70)


def test_the_audit_finds_credits_that_were_corrected_in_the_account_only(desk: Desk) -> None:
    fail(desk.submit())
    spent = Account.objects.filter(team=desk.team, kind="spent")
    wallet = Account.objects.filter(team=desk.team, kind="wallet")
    spent.update(credits=70)
    wallet.update(debits=140)
    assert {finding.rule for finding in audit()} == {"account"}
    spent.update(credits=0)
    wallet.update(debits=70)
