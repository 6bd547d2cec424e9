"""Workers that die or stop while they send, and answers that come late (P05, P21, P22)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from accounts.models import Membership
from billing.selectors import books_of
from generations.dispatch.submit_unknown import (
    POST_WITHIN,
    STALE_AFTER,
    mark_stale_submits_unknown,
)
from generations.lifecycle import Ending, Money, ReviewReason, State
from generations.models import Generation
from generations.reports.audit import audit_site
from generations.review.corrections import release_reviewed
from generations.transitions import end_generation
from tests.factories import SYSTEM, make_generation
from tests.support.claiming import claim_next
from tests.support.desk import is_held
from tests.support.sending import post_generation, send, send_next, sending
from tests.support.steps import Trap, poll_due
from tests.support.vendor import CREATE, Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def test_p05_a_worker_that_died_while_submitting_leaves_a_doubt_not_a_second_try(
    alice: Membership, vendor: Vendor
) -> None:
    now = timezone.now()
    old = make_generation(alice, State.SUBMITTING, now=now - STALE_AFTER - timedelta(seconds=1))
    young = make_generation(alice, State.SUBMITTING, now=now)
    assert mark_stale_submits_unknown(now=now) == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, old.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SUBMIT_UNKNOWN)
    assert young.state == State.SUBMITTING
    assert is_held(old)
    assert mark_stale_submits_unknown(now=now) == 0
    assert vendor.creates == []


@contextmanager
def answered_after_we_gave_up(vendor: Vendor) -> Iterator[None]:
    """Send, and have the vendor answer once the block is left, with the submit long unknown."""
    gate = vendor.gate()
    vendor.next(CREATE, gate.before(vendor._usual))
    with sending():
        gate.wait()
        mark_stale_submits_unknown(now=timezone.now() + STALE_AFTER * 2)
        yield
        gate.open()


@pytest.mark.django_db(transaction=True)
def test_p21_an_answer_that_outlives_our_patience_still_counts(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice)
    with answered_after_we_gave_up(vendor):
        job.refresh_from_db()
        assert job.state == State.NEEDS_REVIEW
    job.refresh_from_db()
    assert (job.state, job.upstream_id) == (State.PROCESSING, vendor.only_task)
    assert job.review_reason == ""


@pytest.mark.django_db(transaction=True)
def test_p21_an_answer_that_outlives_a_persons_decision_corrects_it(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice)
    with answered_after_we_gave_up(vendor):
        job.refresh_from_db()
        release_reviewed(job, by=SYSTEM, reason="Never sent, it seems.", now=timezone.now())
    job.refresh_from_db()
    assert (job.state, job.upstream_id) == (State.FAILED, vendor.only_task)
    vendor.finish(vendor.only_task, urls=[])
    poll_due()
    assert books_of(job.team).spent == job.credits
    assert list(audit_site()) == []


def test_p22_a_worker_that_was_stopped_after_its_claim_posts_nothing_when_it_goes_on(
    job: Generation, vendor: Vendor
) -> None:
    claimed = claimed_before(POST_WITHIN)
    post_generation(claimed)
    job.refresh_from_db()
    assert (job.state, vendor.creates) == (State.QUEUED, [])
    assert is_held(job)
    assert send(job).state == State.PROCESSING


def test_p22_nor_does_it_touch_what_became_a_doubt_meanwhile(
    job: Generation, vendor: Vendor
) -> None:
    claimed = claimed_before(STALE_AFTER)
    mark_stale_submits_unknown(now=timezone.now())
    post_generation(claimed)
    job.refresh_from_db()
    assert (job.state, vendor.creates) == (State.NEEDS_REVIEW, [])


def claimed_before(age: timedelta) -> Generation:
    """Claim the next job as if it had been done a moment more than `age` ago."""
    claimed = claim_next(now=timezone.now())
    assert claimed is not None
    claimed.submitted_at = timezone.now() - age - timedelta(seconds=1)
    claimed.save(update_fields=["submitted_at"])
    return claimed


@pytest.mark.django_db(transaction=True)
def test_p21_an_answer_to_an_ended_generation_leaves_its_id_in_the_log(
    alice: Membership, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_generation(alice)
    with answered_after_we_gave_up(vendor):
        job.refresh_from_db()
        end_generation(job, Ending.FAILED, money=Money.RELEASE, by=SYSTEM, now=timezone.now())
    assert vendor.only_task in shouted(caplog)
    job.refresh_from_db()
    assert (job.state, job.upstream_id) == (State.FAILED, None)


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p21_an_id_that_cannot_be_saved_is_shouted_and_found_again(
    job: Generation, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    condition = "NEW.upstream_id IS NOT NULL"
    with Trap("generations_generation", "UPDATE", condition), pytest.raises(DatabaseError):
        send_next()
    assert vendor.only_task in shouted(caplog)
    job.refresh_from_db()
    assert (job.state, job.upstream_id) == (State.SUBMITTING, None)
    mark_stale_submits_unknown(now=timezone.now() + STALE_AFTER * 2)
    send(job)
    assert (job.state, len(vendor.creates)) == (State.NEEDS_REVIEW, 1)


def shouted(caplog: pytest.LogCaptureFixture) -> str:
    events: list[Any] = [record.msg for record in caplog.records if record.levelname == "CRITICAL"]
    assert [event["event"] for event in events] == ["upstream_id_not_saved"]
    upstream_id: str = events[0]["upstream_id"]
    return upstream_id
