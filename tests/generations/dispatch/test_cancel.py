"""Cancel (P16): what was not sent is released at once; what was, only the vendor's answer ends."""

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.authority import By
from accounts.models import AuditEvent, Membership, WebhookDelivery
from accounts.roles import Role
from billing.models import Transfer
from billing.selectors import Books, books_of
from generations.approvals.service import approve, deny, set_threshold
from generations.dispatch.cancel import cancel_generation, cancel_if_requested, cancel_waiting
from generations.dispatch.submit_unknown import mark_submit_unknown
from generations.lifecycle import ReviewCause, State
from generations.models import Approval, Film
from generations.review.corrections import release_reviewed
from generations.transitions import transition
from platform_site.errors import Conflict, PermissionDenied
from tests.factories import SYSTEM, make_generation, make_member
from tests.support.cancelling import fresh, kinds, stop
from tests.support.films import film_bytes
from tests.support.races import race
from tests.support.sending import send_all
from tests.support.steps import make_due, poll_due, run_queue
from tests.support.submits import claim, submit
from tests.support.vendor import CREATE, Exchange, Reply, Vendor, drop, html, refuse, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key", "balanced")]


# Before submit


def test_p16_what_is_queued_is_cancelled_and_given_back_at_once(alice: Membership) -> None:
    job = make_generation(alice)
    now = stop(job, reason="Wrong prompt")
    assert (now.state, now.error_code) == (State.CANCELLED, "cancelled")
    assert now.error_message == "Cancelled before it was sent. Wrong prompt"
    assert books_of(alice.team) == Books(granted=1000, available=1000)
    entries = Transfer.objects.filter(hold=job.hold_id).order_by("id")
    assert [one.kind for one in entries] == ["hold", "release"]
    assert AuditEvent.objects.get(action="generation.cancelled").actor == SYSTEM.name


def test_p16_a_cancelled_one_is_never_sent(alice: Membership, vendor: Vendor) -> None:
    job = make_generation(alice)
    stop(job)
    send_all()
    submit(job)
    assert vendor.creates == []


def test_p16_what_awaits_approval_is_cancelled_and_its_question_withdrawn(
    alice: Membership, bob: Membership
) -> None:
    set_threshold(team=bob.team, above=50, by=SYSTEM)
    job = make_generation(bob)
    assert stop(job, reason="Not needed").state == State.CANCELLED
    question = Approval.objects.get()
    assert (question.decision, question.decided_by) == ("withdrawn", SYSTEM.name)
    assert books_of(bob.team).held == 0
    with pytest.raises(Conflict):
        approve(fresh(job), by=By.member(alice), now=timezone.now())


def test_a_client_is_told_once_that_its_task_was_cancelled(alice: Membership) -> None:
    job = make_generation(alice, callback_url="https://client.example/hook")
    for _ in range(3):
        stop(fresh(job))
    [delivery] = WebhookDelivery.objects.filter(reference=str(job.pk))
    assert delivery.event == "task.failed"
    assert '"code": "cancelled"' in delivery.body


@pytest.mark.parametrize("state", [State.QUEUED, State.SUBMITTING, State.PROCESSING])
def test_p16_a_second_cancel_changes_nothing(alice: Membership, state: State) -> None:
    job = make_generation(alice, state)
    first = stop(job)
    before = kinds(first)
    for again in [job, fresh(job)]:
        second = stop(again)
        assert (second.state, second.cancel_requested_at) == (
            first.state,
            first.cancel_requested_at,
        )
    assert kinds(first) == before
    assert AuditEvent.objects.filter(action__startswith="generation.").count() == 1


# Once the vendor may have it


@pytest.mark.parametrize("state", [State.SUBMITTING, State.PROCESSING, State.NEEDS_REVIEW])
def test_p16_what_was_sent_bears_the_wish_and_stays_held(alice: Membership, state: State) -> None:
    job = make_generation(alice, state)
    now = stop(job)
    assert now.state == state
    assert now.cancel_requested_at is not None
    assert now.cancel_requested_by == SYSTEM.name
    assert "cancel_requested" in kinds(now)
    assert books_of(alice.team).held == 70
    event = AuditEvent.objects.get(action="generation.cancel_requested")
    assert (event.subject_kind, event.subject_id) == ("generation", str(job.pk))


def test_p16_one_to_be_cancelled_that_the_vendor_completes_is_paid_and_kept(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(
        alice,
        State.PROCESSING,
        upstream_id=vendor.add_task(),
        duration=4,
        resolution="480p",
        generate_audio=False,
    )
    stop(job)
    vendor.finish(vendor.only_task, film_bytes())
    make_due(job)
    poll_due()
    run_queue("keep")
    assert fresh(job).state == State.COMPLETED
    assert books_of(alice.team).spent == 12
    assert Film.objects.get().state == Film.State.KEPT


def test_p16_one_to_be_cancelled_that_the_vendor_fails_is_released(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice, State.PROCESSING, upstream_id=vendor.add_task())
    stop(job)
    vendor.fail(vendor.only_task)
    make_due(job)
    poll_due()
    assert (fresh(job).state, books_of(alice.team).available) == (State.FAILED, 1000)


@pytest.mark.parametrize(
    "reply",
    [
        refuse(429, "rate_limit_exceeded"),
        refuse(503, "upstream_error"),
        refuse(402, "insufficient_credits"),
        refuse(401, "invalid_api_key"),
        say(200, {"code": 200, "msg": "success"}),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_p16_what_was_to_be_cancelled_while_being_sent_is_not_sent_again(
    alice: Membership, vendor: Vendor, reply: Reply
) -> None:
    job = make_generation(alice)

    def request_then_refuse(exchange: Exchange) -> None:
        race(1, lambda _n: stop(fresh(job)))
        reply(exchange)

    vendor.next(CREATE, request_then_refuse)
    submit(job)
    ended = fresh(job)
    assert (ended.state, ended.error_code) == (State.CANCELLED, "cancelled")
    assert books_of(alice.team) == Books(granted=1000, available=1000)
    send_all()
    assert len(vendor.creates) == 1


@pytest.mark.django_db(transaction=True)
def test_p16_what_was_to_be_cancelled_and_provably_not_sent_is_cancelled(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice)
    claimed = claim(job)
    assert claimed is not None
    stop(fresh(job))
    with transaction.atomic():
        assert transition(claimed, State.QUEUED, by=SYSTEM, next_submit_at=timezone.now())
        assert cancel_if_requested(claimed, now=timezone.now())
    assert (fresh(job).state, books_of(alice.team).held) == (State.CANCELLED, 0)
    send_all()
    assert vendor.creates == []


def test_p16_what_nobody_cancels_stays_queued(alice: Membership) -> None:
    job = make_generation(alice)
    assert not cancel_if_requested(job, now=timezone.now())
    assert fresh(job).state == State.QUEUED


@pytest.mark.parametrize("reply", [drop, html(502)])
@pytest.mark.django_db(transaction=True)
def test_p16_a_wish_about_what_may_have_been_accepted_releases_nothing(
    alice: Membership, vendor: Vendor, reply: Reply
) -> None:
    job = make_generation(alice)

    def request_then_break(exchange: Exchange) -> None:
        race(1, lambda _n: stop(fresh(job)))
        reply(exchange)

    vendor.next(CREATE, vendor.accepts_then(request_then_break))
    submit(job)
    doubted = fresh(job)
    assert doubted.state == State.NEEDS_REVIEW
    assert doubted.cancel_requested_at is not None
    assert books_of(alice.team).held == 70
    release_reviewed(doubted, by=SYSTEM, reason="Support says no", now=timezone.now())
    assert books_of(alice.team).held == 0


def test_a_wish_does_not_stop_a_retry_or_a_remix(alice: Membership) -> None:
    job = make_generation(alice, State.PROCESSING)
    stop(job)
    for name in ("retry_of", "remix_of"):
        again = make_generation(alice, submission={name: fresh(job)})
        assert (again.state, again.cancel_requested_at) == (State.QUEUED, None)


def test_a_doubted_one_bears_the_wish_through_its_review(alice: Membership) -> None:
    job = make_generation(alice, State.SUBMITTING)
    stop(job)
    mark_submit_unknown(fresh(job), cause=ReviewCause.BROKEN_OFF, message="No answer.", by=SYSTEM)
    assert fresh(job).cancel_requested_at is not None


# What ended


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
def test_p16_what_ended_is_refused_by_the_name_of_its_state(
    alice: Membership, state: State
) -> None:
    job = make_generation(alice, state)
    with pytest.raises(Conflict, match=state.label.lower()) as refused:
        stop(job)
    assert refused.value.details == {"state": str(state)}


def test_p16_what_a_manager_denied_is_refused_and_what_one_approved_is_cancelled(
    alice: Membership, bob: Membership
) -> None:
    set_threshold(team=bob.team, above=50, by=SYSTEM)
    denied, approved = make_generation(bob), make_generation(bob)
    stale = [fresh(denied), fresh(approved)]
    deny(denied, by=By.member(alice), now=timezone.now())
    approve(approved, by=By.member(alice), now=timezone.now())
    with pytest.raises(Conflict, match="cancelled"):
        stop(stale[0])
    assert stop(stale[1]).state == State.CANCELLED
    assert Approval.objects.get(pk=approved.pk).decision == "approved"


# Who may


def test_the_person_themself_and_managers_may_and_others_may_not(
    alice: Membership, bob: Membership, charlie: Membership
) -> None:
    carl = make_member(bob.team, Role.MEMBER)
    vera = make_member(bob.team, Role.VIEWER)
    mona = make_member(bob.team, Role.MANAGER)
    job = make_generation(bob)
    for other in (carl, vera, charlie):
        with pytest.raises(PermissionDenied):
            cancel_generation(job, by=By.member(other), now=timezone.now())
    assert fresh(job).state == State.QUEUED
    for one in (bob, alice, mona):
        mine = make_generation(bob)
        cancel_generation(mine, by=By.member(one), now=timezone.now())
        assert fresh(mine).state == State.CANCELLED


def test_all_of_ones_own_that_wait_are_cancelled_and_nothing_else(
    alice: Membership, bob: Membership
) -> None:
    set_threshold(team=bob.team, above=60, by=SYSTEM)
    mine = [make_generation(bob), make_generation(bob, duration=4, resolution="480p")]
    kept = [make_generation(bob, State.PROCESSING, duration=4, resolution="480p")]
    set_threshold(team=bob.team, above=None, by=SYSTEM)
    kept.append(make_generation(alice))
    assert cancel_waiting(by=By.member(bob), now=timezone.now()) == 2
    assert {fresh(one).state for one in mine} == {State.CANCELLED}
    assert [fresh(one).state for one in kept] == [State.PROCESSING, State.QUEUED]
    assert fresh(kept[0]).cancel_requested_at is None
