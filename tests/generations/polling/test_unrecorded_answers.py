"""A vendor's answer that cannot be written here has a deadline too, and is no end (F17, P13)."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership
from billing.models import Transfer
from billing.selectors import books_of
from generations.callbacks.service import check_callback
from generations.dispatch.submit_unknown import STALE_AFTER, mark_stale_submits_unknown
from generations.lifecycle import LATE_WATCH, ReviewReason, State
from generations.models import Film, Generation
from generations.ops.agenda import enqueue_due_steps
from generations.polling.outcome import DEADLINE
from generations.portal.words import status_of
from generations.reports.audit import audit_site
from generations.review.advice import Action
from generations.review.corrections import settle_reviewed
from generations.review.evidence import reviews_of
from tests.factories import SYSTEM, make_generation
from tests.support.sending import send_all, send_now
from tests.support.steps import Trap, make_due, poll_due
from tests.support.vendor import CREATE, Vendor, drop
from tests.support.working import CHEAP, working

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases,
    pytest.mark.usefixtures("provider_key"),
]


@pytest.fixture
def job(alice: Membership, vendor: Vendor) -> Generation:
    """A generation that the vendor has finished."""
    job = working(alice, vendor, **CHEAP)
    vendor.finish(job.upstream_id or "", b"film")
    return job


def no_film_of(job: Generation) -> Trap:
    """Have the database refuse what settles this generation, and no other."""
    return Trap("generations_film", "INSERT", f"NEW.generation_id = '{job.pk.hex}'")


def polled(job: Generation) -> Generation:
    make_due(job)
    poll_due()
    return fresh(job)


def fresh(job: Generation) -> Generation:
    return Generation.objects.select_related("hold", "film", "provider_key").get(pk=job.pk)


def overdue(job: Generation) -> None:
    earlier = timezone.now() - DEADLINE - timedelta(seconds=1)
    Generation.objects.filter(pk=job.pk).update(accepted_at=earlier, submitted_at=earlier)


def seconds_to_next_poll(job: Generation) -> float:
    assert job.next_poll_at is not None
    return (job.next_poll_at - timezone.now()).total_seconds()


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    records: list[Any] = [record.msg for record in caplog.records if record.levelname == "ERROR"]
    return [(one["event"], one["generation_id"]) for one in records if isinstance(one, dict)]


def test_f17_an_answer_that_cannot_be_recorded_counts_and_disturbs_no_other(
    job: Generation, alice: Membership, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    others = [working(alice, vendor, **CHEAP) for _ in range(3)]
    for other in others:
        vendor.finish(other.upstream_id or "", b"film")
    with no_film_of(job):
        job = polled(job)
    assert {fresh(other).state for other in others} == {State.COMPLETED}
    assert (job.state, job.polls, job.poll_failures) == (State.PROCESSING, 1, 1)
    assert (job.hold.closed_at, job.poll_holder) == (None, "")
    assert ("poll_not_applied", str(job.pk)) in logged(caplog)
    assert list(audit_site()) == []


def test_f17_it_is_asked_about_ever_more_rarely(job: Generation) -> None:
    waits = []
    with no_film_of(job):
        for _ in range(10):
            job = polled(job)
            waits.append(round(seconds_to_next_poll(job)))
    assert waits == sorted(waits)
    assert 250 < waits[-1] <= 300


def test_f17_p13_past_its_deadline_it_waits_in_review_with_its_hold(
    job: Generation, vendor: Vendor
) -> None:
    with no_film_of(job):
        polled(job)
        overdue(job)
        job = polled(job)
        assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.UNRECORDED)
        assert (job.hold.closed_at, books_of(job.team).held) == (None, 12)
        assert 290 < seconds_to_next_poll(job) <= 300
        job = polled(job)
        assert (job.state, job.poll_failures) == (State.NEEDS_REVIEW, 3)
        assert 290 < seconds_to_next_poll(job) <= 300
    [review] = reviews_of([job], now=timezone.now())
    assert (review.advice.action, "in the log" in review.advice.words) == (Action.WAIT, True)
    assert "The vendor has answered" in status_of(job).note
    assert not Film.objects.exists()
    assert list(audit_site()) == []

    job = polled(job)  # the obstacle is gone
    assert (job.state, job.review_reason) == (State.COMPLETED, "")
    assert (job.hold.settled, job.film.state) == (12, Film.State.PENDING)
    assert list(audit_site()) == []


def test_f17_p13_a_refund_that_cannot_be_recorded_waits_in_review_too(
    alice: Membership, vendor: Vendor
) -> None:
    job = working(alice, vendor, **CHEAP)
    vendor.fail(job.upstream_id or "")
    overdue(job)
    with Trap("billing_transfer", "INSERT", "NEW.kind = 'release'"):
        job = polled(job)
    assert (job.state, job.hold.closed_at) == (State.NEEDS_REVIEW, None)
    job = polled(job)
    assert (job.state, job.hold.settled) == (State.FAILED, 0)
    assert list(audit_site()) == []


def test_f17_p13_one_that_still_runs_is_not_said_to_have_been_answered(
    job: Generation, vendor: Vendor
) -> None:
    vendor.tasks[job.upstream_id or ""] = {"id": job.upstream_id, "status": "processing"}
    overdue(job)
    with Trap("generations_generationevent", "INSERT", "NEW.to_state = 'needs_review'"):
        assert polled(job).state == State.PROCESSING
    job = polled(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SILENT)


def test_f17_one_that_was_silent_in_review_says_what_keeps_it_there(
    job: Generation, vendor: Vendor
) -> None:
    done = vendor.tasks[job.upstream_id or ""]
    vendor.tasks[job.upstream_id or ""] = {"id": job.upstream_id, "status": "processing"}
    overdue(job)
    assert polled(job).review_reason == ReviewReason.SILENT
    vendor.tasks[job.upstream_id or ""] = done
    with no_film_of(job):
        for _ in range(2):
            job = polled(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.UNRECORDED)
    assert job.events.filter(kind="unrecorded").count() == 1
    assert polled(job).state == State.COMPLETED


def test_f17_a_row_that_takes_nothing_at_all_is_told_of_and_goes_on_later(
    job: Generation, alice: Membership, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    other = working(alice, vendor, **CHEAP)
    vendor.finish(other.upstream_id or "", b"film")
    refused = "NEW.polls > 0 OR NEW.ended_at IS NOT NULL"
    with Trap("generations_generation", "UPDATE", f"NEW.id = '{job.pk.hex}' AND ({refused})"):
        job = polled(job)
    assert ("poll_not_counted", str(job.pk)) in logged(caplog)
    assert fresh(other).state == State.COMPLETED
    assert polled(job).state == State.COMPLETED


def test_f17_p14_a_late_truth_that_cannot_be_booked_is_looked_for_as_long_as_any(
    job: Generation, vendor: Vendor
) -> None:
    Generation.objects.filter(pk=job.pk).update(
        state=State.NEEDS_REVIEW, review_reason=ReviewReason.SILENT
    )
    settle_reviewed(fresh(job), by=SYSTEM, reason="It runs forever.", now=timezone.now())
    with no_film_of(job):
        job = polled(job)
        assert 250 < seconds_to_next_poll(job) <= 300
        assert job.poll_failures == 1
        Generation.objects.filter(pk=job.pk).update(ended_at=timezone.now() - LATE_WATCH)
        assert polled(job).next_poll_at is None
    assert Transfer.objects.filter(hold=job.hold_id, kind="adjust").count() == 0


def test_f17_a_stale_submit_that_cannot_be_parked_keeps_no_other_from_it(
    alice: Membership, vendor: Vendor
) -> None:
    earlier = timezone.now() - STALE_AFTER - timedelta(seconds=1)
    stale = [make_generation(alice, State.SUBMITTING, now=earlier, **CHEAP) for _ in range(3)]
    queued = make_generation(alice, **CHEAP)
    condition = f"NEW.id = '{stale[0].pk.hex}' AND NEW.state = 'needs_review'"
    with Trap("generations_generation", "UPDATE", condition):
        assert mark_stale_submits_unknown(now=timezone.now()) == 2
        enqueue_due_steps(timezone.now())
    send_all()
    assert fresh(queued).state == State.PROCESSING
    assert fresh(stale[0]).state == State.SUBMITTING
    assert mark_stale_submits_unknown(now=timezone.now()) == 1


def test_f17_p30_an_adoption_that_cannot_be_recorded_is_checked_again_later(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice, **CHEAP)
    vendor.next(CREATE, vendor.accepts_then(drop))
    send_now()
    receipt = job.callbacks.create(proposed_id=vendor.only_task, verdict="proposed")
    with Trap("generations_callbackreceipt", "UPDATE", "NEW.verdict = 'adopted'"):
        check_callback(receipt.pk)
    receipt.refresh_from_db()
    assert (receipt.verdict, receipt.checks) == ("proposed", 1)
    assert receipt.next_check_at is not None
    assert receipt.next_check_at > timezone.now()
    assert fresh(job).upstream_id is None
    check_callback(receipt.pk)
    assert fresh(job).upstream_id == vendor.only_task
