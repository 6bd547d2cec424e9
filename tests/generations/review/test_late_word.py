"""The vendor's word that comes after a person's (P14, P28)."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import AuditEvent, Membership
from billing.selectors import Books, books_of
from generations.dispatch.submit_unknown import mark_submit_unknown
from generations.lifecycle import LATE_WATCH, ReviewCause, State
from generations.models import Film, Generation, ProviderKey
from generations.polling.outcome import PollOutcome, apply_answer
from generations.provider_keys.service import delete_provider_key, wipe_sealed_keys
from generations.review.corrections import adjust, release_reviewed, settle_reviewed
from generations.vendors import TaskReport, TaskStatus
from tests.factories import SYSTEM, fund, make_generation
from tests.support.api import Api
from tests.support.correcting import ANY, EndDoubt, closings
from tests.support.desk import Desk, fresh, hear
from tests.support.films import film_bytes
from tests.support.steps import claim_due, make_due, poll_due, run_queue
from tests.support.vendor import TASKS, Vendor, refuse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]


def now() -> datetime:
    return datetime.now(UTC)


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
        "The vendor answered after the decision.",
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
