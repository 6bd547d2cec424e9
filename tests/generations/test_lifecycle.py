"""The life cycle: one way to move, one way to end, and money that goes with it."""

import inspect
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Team
from billing.models import Transfer
from billing.selectors import books_of
from generations.lifecycle import (
    API_STATUS,
    IN_FLIGHT,
    LIVE,
    TERMINAL,
    TRANSITIONS,
    Ending,
    IllegalTransition,
    Money,
    State,
    check_transition,
)
from generations.models import Generation, GenerationEvent
from generations.ordering.submit import submit_generation
from generations.reports.audit import audit_site
from generations.selectors import events_of
from generations.task_object import task_object
from generations.transitions import end_generation, transition
from tests.factories import SYSTEM, make_generation, make_request
from tests.support.api import Api
from tests.support.races import race
from tests.support.sending import send_now
from tests.support.steps import Trap, make_due, poll_due
from tests.support.vendor import Vendor

WORDS = {
    State.AWAITING_APPROVAL: "pending",
    State.QUEUED: "pending",
    State.SUBMITTING: "pending",
    State.PROCESSING: "processing",
    State.NEEDS_REVIEW: "processing",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}


def test_every_state_has_a_word_of_the_vendors_and_moves_of_its_own() -> None:
    assert WORDS == API_STATUS
    assert set(TRANSITIONS) == set(State)
    assert LIVE | TERMINAL | {State.NEEDS_REVIEW} == set(State)
    assert not LIVE & TERMINAL


def test_nothing_leads_out_of_an_end() -> None:
    assert all(not TRANSITIONS[state] for state in TERMINAL)


def test_p13_nothing_that_may_be_paid_is_cancelled_without_a_review() -> None:
    for state in IN_FLIGHT - {State.NEEDS_REVIEW}:
        assert State.CANCELLED not in TRANSITIONS[state]


def test_p23_nothing_that_was_accepted_goes_back_to_the_queue() -> None:
    assert [state for state in State if State.QUEUED in TRANSITIONS[state]] == [
        State.AWAITING_APPROVAL,
        State.SUBMITTING,
    ]


@pytest.mark.parametrize("start", list(State))
@pytest.mark.parametrize("end", list(State))
def test_a_move_that_the_life_cycle_does_not_have_is_refused(start: State, end: State) -> None:
    if end in TRANSITIONS[start]:
        check_transition(start, end)
    else:
        with pytest.raises(IllegalTransition):
            check_transition(start, end)


def test_p11_there_is_no_end_without_a_word_about_the_money() -> None:
    money = inspect.signature(end_generation).parameters["money"]
    assert money.default is inspect.Parameter.empty


@pytest.mark.django_db
@pytest.mark.usefixtures("provider_key")
class TestMoves:
    """On rows."""

    def test_p11_move_ends_nothing(self, alice: Membership) -> None:
        job = make_generation(alice)
        for state in TERMINAL:
            with pytest.raises(ValueError, match="end_generation"):
                transition(job, state, by=SYSTEM)

    def test_somebody_who_was_overtaken_changes_nothing(self, alice: Membership) -> None:
        job = make_generation(alice)
        stale = Generation.objects.get(pk=job.pk)
        assert transition(job, State.SUBMITTING, by=SYSTEM, submitted_at=timezone.now())
        events = GenerationEvent.objects.count()
        assert not transition(stale, State.SUBMITTING, by=SYSTEM)
        assert not end_generation(
            stale, Ending.CANCELLED, money=Money.RELEASE, by=SYSTEM, now=timezone.now()
        )
        assert GenerationEvent.objects.count() == events
        assert stale.state == State.QUEUED
        assert books_of(job.team).held == 70

    @pytest.mark.parametrize("table", ["billing_transfer", "generations_generationevent"])
    def test_p10_an_end_whose_entry_cannot_be_written_is_no_end(
        self, alice: Membership, table: str
    ) -> None:
        job = make_generation(alice)
        with Trap(table, "INSERT"), pytest.raises(IntegrityError), transaction.atomic():
            end_generation(
                job, Ending.CANCELLED, money=Money.RELEASE, by=SYSTEM, now=timezone.now()
            )
        job.refresh_from_db()
        assert (job.state, job.ended_at, books_of(job.team).held) == (State.QUEUED, None, 70)
        assert list(audit_site()) == []

    @pytest.mark.parametrize("state", list(State))
    def test_every_state_is_told_in_the_vendors_words(
        self, alice: Membership, state: State
    ) -> None:
        if state == State.AWAITING_APPROVAL:
            job = make_generation(alice)
            Generation.objects.filter(pk=job.pk).update(state=state)
        else:
            job = make_generation(alice, state)
        task = task_object(Generation.objects.get(pk=job.pk))
        assert task["status"] == WORDS[state]
        assert (task["id"], task["model"]) == (str(job.pk), "doubao-seedance-1.5-pro")
        expected = {"completed": {"completed_at", "output"}, "failed": {"error"}}
        extra = set(task) - {"id", "status", "model", "created_at"}
        assert extra == expected.get(task["status"], {"progress"})

    def test_the_database_knows_what_an_end_is(self, alice: Membership) -> None:
        job = make_generation(alice)
        wrong: list[dict[str, Any]] = [
            {"state": State.COMPLETED},
            {"ended_at": timezone.now()},
            {"state": "exploded"},
            {"state": State.NEEDS_REVIEW},
            {"review_reason": "silent"},
            {"credits": 0},
        ]
        for changes in wrong:
            with pytest.raises(IntegrityError), transaction.atomic():
                Generation.objects.filter(pk=job.pk).update(**changes)

    def test_p25_two_generations_cannot_own_one_upstream_task(self, alice: Membership) -> None:
        make_generation(alice, State.PROCESSING, upstream_id="one")
        second = make_generation(alice, State.SUBMITTING)
        with pytest.raises(IntegrityError):
            transition(second, State.PROCESSING, by=SYSTEM, upstream_id="one")

    def test_p15_a_retry_is_a_generation_of_its_own(
        self, alice: Membership, vendor: Vendor
    ) -> None:
        first = make_generation(alice)
        send_now()
        vendor.fail(vendor.only_task)
        make_due(first)
        poll_due()
        first.refresh_from_db()
        retry = submit_generation(
            make_request(alice.team),
            by=By.member(alice),
            now=timezone.now(),
            retry_of=first,
        )
        assert (retry.retry_of, retry.upstream_id) == (first, None)
        assert retry.callback_token != first.callback_token
        assert retry.hold_id != first.hold_id
        first.hold.refresh_from_db()
        assert (first.hold.released, books_of(alice.team).held) == (70, 70)
        send_now()
        retry.refresh_from_db()
        assert retry.upstream_id not in {None, first.upstream_id}
        assert len(vendor.creates) == 2
        assert list(audit_site()) == []

    def test_p35_an_admission_carries_its_caller_and_its_request(self, api: Api) -> None:
        sent = "a-request-id-0123456789"
        reply = api.generate(headers={"X_Request_ID": sent})
        assert reply.headers["X-Request-ID"] == sent
        task_id = reply.json()["data"]["taskId"]
        entry = Transfer.objects.get(kind="hold")
        job = Generation.objects.select_related("api_key").get(pk=task_id)
        [event] = events_of(job)
        assert job.api_key
        caller = f"user:{job.user_id}/api_key:{job.api_key.pk}"
        assert (event.actor, event.request_id) == (caller, sent)
        assert (entry.actor, entry.request_id) == (caller, sent)

    def test_p35_nothing_happens_without_an_actor(self, api: Api, vendor: Vendor) -> None:
        api.accepted()
        send_now()
        vendor.finish(vendor.only_task, b"film")
        Generation.objects.update(next_poll_at=timezone.now())
        poll_due()
        assert not GenerationEvent.objects.filter(actor="").exists()
        assert not Transfer.objects.filter(actor="").exists()

    def test_events_are_written_once(self, alice: Membership) -> None:
        make_generation(alice, State.SUBMITTING)
        event = GenerationEvent.objects.get()
        event.message = "Something else."
        with pytest.raises(Exception, match=r"(?i)append|change|written once"):
            event.save()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("provider_key")
def test_p09_of_many_ends_at_once_one_counts(alice: Membership, team: Team) -> None:
    job = make_generation(alice, State.PROCESSING)

    def end(number: int) -> bool:
        settles = number % 2 == 0
        return end_generation(
            Generation.objects.get(pk=job.pk),
            Ending.COMPLETED if settles else Ending.FAILED,
            money=Money.SETTLE if settles else Money.RELEASE,
            by=SYSTEM,
            now=timezone.now(),
        )

    outcomes = race(6, end)
    # Who reads late sees an ended one, from which nothing leads on.
    assert all(isinstance(outcome, bool | IllegalTransition) for outcome in outcomes), outcomes
    assert sum(outcome is True for outcome in outcomes) == 1
    assert Transfer.objects.filter(hold=job.hold).exclude(kind="hold").count() == 1
    assert list(audit_site()) == []
