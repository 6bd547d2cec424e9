"""What is known of a generation in review, and looking at it again (P13, P22)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership
from billing.selectors import books_of
from generations.lifecycle import ReviewReason, State
from generations.models import Generation, ProviderKey
from generations.polling.outcome import DEADLINE
from generations.reconciliation.sampling import USAGE_SETTLES_WITHIN
from generations.review.advice import Action
from generations.review.decide import look_now
from generations.review.evidence import in_review, in_review_for, reviews_of
from platform_site.errors import Conflict
from tests.factories import SYSTEM, make_generation
from tests.support.desk import fresh
from tests.support.meter import Clock, Meter
from tests.support.reviewing import Lose
from tests.support.steps import make_due, poll_due, queued, run_queue
from tests.support.vendor import CREDITS, Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


# Looking again


def test_a_look_at_a_silent_one_polls_it_at_once(alice: Membership, vendor: Vendor) -> None:
    job = make_generation(alice, State.NEEDS_REVIEW, upstream_id=vendor.add_task())
    Generation.objects.filter(pk=job.pk).update(next_poll_at=timezone.now() + timedelta(minutes=5))
    vendor.fail(vendor.only_task)
    look_now(fresh(job), by=SYSTEM, now=timezone.now())
    poll_due()
    assert fresh(job).state == State.FAILED


def test_a_look_at_a_lost_one_checks_proposals_and_has_the_meter_read(
    lose: Lose, vendor: Vendor
) -> None:
    lost, now = lose(), timezone.now()
    later = now + timedelta(hours=1)
    lost.callbacks.create(
        proposed_id=vendor.only_task, verdict="proposed", next_check_at=later, received_at=now
    )
    ProviderKey.objects.update(next_sample_at=later)
    look_now(lost, by=SYSTEM, now=now)
    assert ProviderKey.objects.get().next_sample_at == now
    assert "check_callback" in [name for name, _ in queued()]
    run_queue("check_callback")
    assert fresh(lost).state == State.PROCESSING
    assert lost.events.filter(kind="looked", actor=SYSTEM.name).exists()


@pytest.mark.parametrize("state", [State.QUEUED, State.PROCESSING, State.COMPLETED])
def test_only_what_is_in_review_is_looked_at(alice: Membership, state: State) -> None:
    with pytest.raises(Conflict):
        look_now(make_generation(alice, state), by=SYSTEM, now=timezone.now())


@pytest.mark.parametrize("word", ["completed", "failed"])
def test_p13_a_silent_one_goes_to_its_end_by_polling_alone(
    alice: Membership, vendor: Vendor, word: str
) -> None:
    job = make_generation(alice, State.PROCESSING, upstream_id=vendor.add_task())
    Generation.objects.filter(pk=job.pk).update(accepted_at=timezone.now() - DEADLINE * 2)
    make_due(job)
    poll_due()
    assert fresh(job).review_reason == ReviewReason.SILENT
    assert books_of(alice.team).held == 70
    if word == "completed":
        vendor.finish(vendor.only_task, b"film")
    else:
        vendor.fail(vendor.only_task)
    make_due(job)
    poll_due()
    assert fresh(job).state == word
    assert books_of(alice.team).spent == (70 if word == "completed" else 0)


def test_p22_a_lost_one_has_the_meter_read_soon(lose: Lose) -> None:
    ProviderKey.objects.update(next_sample_at=timezone.now() + timedelta(hours=1))
    lose()
    at = ProviderKey.objects.get().next_sample_at
    assert at is not None
    assert at <= timezone.now() + USAGE_SETTLES_WITHIN
    ProviderKey.objects.update(next_sample_at=timezone.now())
    due = ProviderKey.objects.get().next_sample_at
    lose()
    assert ProviderKey.objects.get().next_sample_at == due, "put off"


# What is known


def test_the_evidence_of_a_lost_one_is_its_story(lose: Lose, vendor: Vendor) -> None:
    lost = lose()
    lost.callbacks.create(proposed_id="forged", verdict="rejected")
    lost.callbacks.create(proposed_id="task-9", verdict="proposed", checks=2)
    [review] = reviews_of(list(in_review()), now=timezone.now())
    assert review.advice.action == Action.WAIT
    assert "task-9" in review.advice.words
    told = " ".join(f"{fact.what}: {fact.detail}" for fact in review.timeline)
    assert "Sent to the vendor: With the key" in told
    assert "Answer lost: The connection broke" in told
    assert "Names the task forged. It is not this film's." in told


def test_p22_the_meter_says_whether_a_lost_one_was_charged(
    lose: Lose, vendor: Vendor, provider_key: ProviderKey
) -> None:
    meter = Meter()
    vendor.always(CREDITS, meter)
    clock = Clock(provider_key)
    clock.sample(-10)
    lost = lose()
    meter.charge(12)
    clock.sample(5)
    clock.sample(6)
    [review] = reviews_of(list(in_review()), now=timezone.now())
    assert review.advice.action == Action.ADOPT
    assert review.evidence.before is not None
    assert review.evidence.after is not None
    assert review.evidence.after.consumed == 12
    assert fresh(lost).state == State.NEEDS_REVIEW, "the meter decided"


def test_p22_a_meter_that_stood_still_advises_to_give_it_back(
    lose: Lose, vendor: Vendor, provider_key: ProviderKey
) -> None:
    vendor.always(CREDITS, Meter())
    clock = Clock(provider_key)
    clock.sample(-10)
    lost = lose()
    clock.sample(5)
    clock.sample(6)
    [review] = reviews_of(list(in_review()), now=timezone.now())
    assert review.advice.action == Action.RELEASE
    assert books_of(lost.team).held == 12, "the meter decided"


def test_p22_two_lost_ones_of_one_price_are_alternatives(
    lose: Lose, vendor: Vendor, provider_key: ProviderKey
) -> None:
    meter = Meter()
    vendor.always(CREDITS, meter)
    clock = Clock(provider_key)
    clock.sample(-10)
    lose(), lose()
    meter.charge(12)
    clock.sample(5)
    clock.sample(6)
    for review in reviews_of(list(in_review()), now=timezone.now()):
        assert "this or another of 2" in review.advice.words


def test_more_reviews_take_no_more_queries(lose: Lose) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            reviews_of(list(in_review()), now=timezone.now())
        return len(queries)

    lose()
    first = count()
    for _ in range(3):
        lose()
    assert count() == first


def test_members_see_their_own_and_who_decides_sees_all(
    alice: Membership, bob: Membership, charlie: Membership
) -> None:
    mine, others = (
        make_generation(bob, State.NEEDS_REVIEW),
        make_generation(alice, State.NEEDS_REVIEW),
    )
    make_generation(charlie, State.NEEDS_REVIEW)
    assert set(in_review_for(bob)) == {mine}
    assert set(in_review_for(alice)) == {mine, others}
