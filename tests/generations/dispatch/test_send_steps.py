"""The steps that send: few wait in the queue, and none that is lost strands a job."""

import pytest
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership
from generations.dispatch.claim import claim_next, send_next
from generations.dispatch.steps import SENDS_WAITING, refill_sends
from generations.lifecycle import Ending, Money, ReviewReason, State
from generations.models import ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.ordering.submit import Submission, submit_batch
from generations.provider_keys.service import pause_provider_key, resume_provider_key
from generations.transitions import end_generation, transition
from tests.factories import SYSTEM, fund, make_generation, make_request
from tests.support.claiming import claims, limit_sends
from tests.support.crowds import make_crowd
from tests.support.steps import empty_queue, queued, run_queue
from tests.support.vendor import Vendor
from tests.support.working import CHEAP

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def test_the_queue_stays_short_however_many_are_ordered(alice: Membership, vendor: Vendor) -> None:
    fund(alice.team, 5000)
    orders = [Submission(make_request(alice.team, **CHEAP)) for _ in range(100)]
    submit_batch(orders, by=By.member(alice), now=timezone.now())
    for _ in range(20):
        make_generation(alice, **CHEAP)
    assert queued() == [("send", ())] * SENDS_WAITING
    # Each calls the next, so that these few send all of them.
    run_queue("send")
    assert len(vendor.creates) == 120
    assert queued() == []


def test_a_lost_step_strands_no_job(alice: Membership, vendor: Vendor) -> None:
    make_generation(alice)
    empty_queue()
    enqueue_due_steps(timezone.now())
    run_queue("send")
    assert len(vendor.creates) == 1


def test_with_nothing_to_send_nothing_is_asked_for(
    alice: Membership, provider_key: ProviderKey
) -> None:
    assert refill_sends(now=timezone.now()) == 0
    limit_sends(provider_key, at_once=1)
    make_crowd(alice, 3)
    claims(1)
    empty_queue()
    assert refill_sends(now=timezone.now()) == 0
    assert not send_next()
    assert queued() == []


def test_a_step_that_comes_late_or_twice_does_nothing(alice: Membership, vendor: Vendor) -> None:
    make_generation(alice)
    assert [send_next() for _ in range(3)] == [True, False, False]
    assert len(vendor.creates) == 1


@pytest.mark.parametrize("leaves", ["ended", "review", "resumed", "raised"])
def test_whatever_frees_a_place_calls_the_next(
    alice: Membership, provider_key: ProviderKey, leaves: str
) -> None:
    limit_sends(provider_key, at_once=1)
    first = make_generation(alice, State.PROCESSING)
    make_generation(alice)
    if leaves == "resumed":
        limit_sends(provider_key, at_once=2)
        pause_provider_key(provider_key, reason="x", by=SYSTEM)
    empty_queue()
    assert claim_next(now=timezone.now()) is None
    now = timezone.now()
    if leaves == "ended":
        assert end_generation(first, Ending.FAILED, money=Money.RELEASE, by=SYSTEM, now=now)
    elif leaves == "review":
        assert transition(first, State.NEEDS_REVIEW, by=SYSTEM, review_reason=ReviewReason.SILENT)
    elif leaves == "resumed":
        resume_provider_key(provider_key, by=SYSTEM, now=now)
    else:
        limit_sends(provider_key, at_once=2)
    assert ("send", ()) in queued()
    assert claim_next(now=timezone.now()) is not None
