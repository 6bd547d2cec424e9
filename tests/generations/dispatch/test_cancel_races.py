"""Cancels that race claims, requeues, approvals and the vendor's reply (P16)."""

import pytest
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership
from billing.selectors import books_of
from generations.approvals.service import approve, set_threshold
from generations.approvals.waiting import NotWaiting
from generations.dispatch.send import record_acceptance
from generations.lifecycle import State
from generations.models import Approval, Generation, ProviderKey
from platform_site.errors import Conflict
from tests.factories import SYSTEM, make_generation
from tests.support.cancelling import fresh, kinds, stop
from tests.support.races import race
from tests.support.submits import claim, submit
from tests.support.vendor import CREATE, Vendor, refuse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key", "balanced")]


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p16_fifty_cancels_and_claims_at_once_leave_it_sent_and_held_or_unsent_and_released(
    alice: Membership, vendor: Vendor
) -> None:
    sent = 0
    for _ in range(4):
        job = make_generation(alice)
        before = len(vendor.creates)

        def work(number: int, job: Generation = job) -> None:
            if number % 2:
                submit(job)
            else:
                stop(fresh(job))

        assert race(50, work) == [None] * 50
        ended, posts = fresh(job), len(vendor.creates) - before
        sent += posts
        if posts:
            assert (posts, ended.state) == (1, State.PROCESSING)
            assert ended.cancel_requested_at is not None
            assert ended.hold.is_open
        else:
            assert (ended.state, ended.cancel_requested_at) == (State.CANCELLED, None)
            assert not ended.hold.is_open
    assert books_of(alice.team).held == 70 * sent


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p16_a_wish_that_races_a_requeue_is_never_left_in_the_queue(
    alice: Membership, vendor: Vendor
) -> None:
    vendor.always(CREATE, refuse(429, "rate_limit_exceeded"))
    jobs = [make_generation(alice, duration=4) for _ in range(8)]

    def work(number: int) -> None:
        job = jobs[number // 2]
        if number % 2:
            submit(job)
        else:
            stop(fresh(job))

    assert race(16, work) == [None] * 16
    for job in jobs:
        ended = fresh(job)
        assert (ended.state, ended.error_code) == (State.CANCELLED, "cancelled")
    assert books_of(alice.team).held == 0


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p16_a_cancel_that_races_an_approval_ends_in_one_truth(
    alice: Membership, bob: Membership
) -> None:
    set_threshold(team=bob.team, above=50, by=SYSTEM)
    for _ in range(4):
        job = make_generation(bob)

        def work(number: int, job: Generation = job) -> None:
            if number % 2:
                approve(fresh(job), by=By.member(alice), now=timezone.now())
            else:
                stop(fresh(job))

        results = race(12, work)
        assert {type(one) for one in results} <= {type(None), Conflict, NotWaiting}
        assert fresh(job).state == State.CANCELLED
        assert Approval.objects.get(pk=job.pk).decision in {"approved", "withdrawn"}
    assert books_of(bob.team).held == 0


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p16_a_cancel_that_races_the_vendors_reply_never_releases(
    alice: Membership, provider_key: ProviderKey
) -> None:
    for number in range(4):
        job = make_generation(alice)
        claimed = claim(job)
        assert claimed is not None

        def work(turn: int, claimed: Generation = claimed, number: int = number) -> None:
            if turn:
                stop(fresh(claimed))
            else:
                record_acceptance(claimed, f"vendor-{number}", now=timezone.now())

        assert race(8, work) == [None] * 8
        ended = fresh(job)
        assert (ended.state, ended.hold.is_open) == (State.PROCESSING, True)
        assert ended.cancel_requested_at is not None
        assert kinds(ended).count("cancel_requested") == 1
