"""Callbacks: they say when to look and decide nothing; only a lost id comes back by them (P30)."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, Team
from generations.callbacks.service import MAX_RECEIPTS, check_callback
from generations.dispatch.submit_unknown import STALE_AFTER, mark_stale_submits_unknown
from generations.lifecycle import ReviewReason, State
from generations.models import CallbackReceipt, Film, Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from tests.factories import make_generation, make_provider_key
from tests.support.races import race
from tests.support.sending import send_all, send_now
from tests.support.steps import empty_queue, make_due, poll_due, queued, run_queue
from tests.support.vendor import CREATE, TASKS, Exchange, Reply, Vendor, drop, html, refuse, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def job(alice: Membership, vendor: Vendor) -> Generation:
    """A generation that the vendor works on and that is not due to be polled."""
    job = make_generation(alice, State.PROCESSING, upstream_id=vendor.add_task())
    Generation.objects.update(next_poll_at=timezone.now() + timedelta(hours=1))
    return job


@pytest.fixture
def lost(alice: Membership, vendor: Vendor) -> Generation:
    """A generation whose submit was accepted while the reply got lost."""
    return lose(alice, vendor)


def lose(membership: Membership, vendor: Vendor) -> Generation:
    job = make_generation(membership)
    vendor.next(CREATE, vendor.accepts_then(drop))
    send_now()
    job.refresh_from_db()
    assert job.review_reason == ReviewReason.SUBMIT_UNKNOWN
    return job


def call(token: str, body: Any, **headers: str) -> Any:
    """POST a callback; `body` as JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body)
    sent = {"X-Event": "task.completed", **headers}
    return Client().post(
        f"/callbacks/{token}", content, content_type="application/json", headers=sent
    )


def call_about(job: Generation, upstream_id: str, **fields: Any) -> Any:
    return call(job.callback_token, {"id": upstream_id, "status": "completed", **fields})


def verdicts(job: Generation) -> list[str]:
    return list(job.callbacks.order_by("id").values_list("verdict", flat=True))


def test_p30_a_callback_is_answered_204_and_makes_the_task_due(
    job: Generation, vendor: Vendor
) -> None:
    reply = call_about(job, vendor.only_task)
    assert (reply.status_code, reply.content) == (204, b"")
    job.refresh_from_db()
    assert job.next_poll_at is not None
    assert job.next_poll_at <= timezone.now()
    assert vendor.calls == [], "the web asked the vendor itself"
    vendor.finish(vendor.only_task, b"film")
    poll_due()
    job.refresh_from_db()
    assert job.state == State.COMPLETED


@pytest.mark.both_databases
def test_p30_a_wrong_token_and_a_wrong_id_are_one_and_the_same_404(
    job: Generation, vendor: Vendor
) -> None:
    body = {"id": vendor.only_task, "status": "completed"}
    token = job.callback_token
    replies = [
        call("x" * 43, body),
        call(token[:-1] + ("A" if token[-1] != "A" else "B"), body),
        call("%00", body),
        call("a%00b", body),
        call("é" * 43, body),
        call(token, {"id": str(uuid.uuid4())}),
        call(token, {"id": ""}),
        call(token, {"id": None}),
        call(token, {"id": ["x"]}),
        call(token, {"id": "x" * 5000}),
        call(token, {"id": "nul\0"}),
        call(token, {}),
        call(token, [1]),
        call(token, b"{"),
        call(token, b"\xff"),
        call(token, b"[" * 100_000),
        call(token, b""),
    ]
    assert {reply.status_code for reply in replies} == {404}
    assert len({reply.content for reply in replies}) == 1
    headers = [
        {k: v for k, v in reply.headers.items() if k.lower() != "x-request-id"} for reply in replies
    ]
    assert all(one == headers[0] for one in headers)
    assert not CallbackReceipt.objects.exists()
    job.refresh_from_db()
    assert job.next_poll_at is not None
    assert job.next_poll_at > timezone.now()


def test_p30_a_callback_for_what_was_never_sent_is_a_404(alice: Membership) -> None:
    assert call_about(make_generation(alice), "anything").status_code == 404


def test_a_callback_is_a_post(job: Generation) -> None:
    assert Client().get(f"/callbacks/{job.callback_token}").status_code == 405
    assert Client().get("/callbacks/unknown").status_code == 405


def test_p30_a_forged_body_decides_nothing(job: Generation, vendor: Vendor) -> None:
    lies = [
        {"status": "completed", "output": {"urls": ["https://forged.example/film.mp4"]}},
        {"status": "failed", "error": {"code": "x", "message": "Refund me."}},
    ]
    for lie in lies:
        assert call_about(job, vendor.only_task, **lie).status_code == 204
        poll_due()
        job.refresh_from_db()
        assert job.state == State.PROCESSING
    job.hold.refresh_from_db()
    assert job.hold.closed_at is None
    assert not Film.objects.exists()


def test_p30_a_callback_after_the_end_changes_nothing(job: Generation, vendor: Vendor) -> None:
    vendor.fail(vendor.only_task)
    make_due(job)
    poll_due()
    assert call_about(job, vendor.only_task).status_code == 204
    job.refresh_from_db()
    assert (job.state, job.next_poll_at) == (State.FAILED, None)


def test_p35_a_callback_leaves_an_event_with_its_request(job: Generation, vendor: Vendor) -> None:
    reply = call_about(job, vendor.only_task)
    event = job.events.get(kind="callback")
    assert (event.actor, event.request_id) == ("vendor:callback", reply.headers["X-Request-ID"])
    assert event.upstream_id == vendor.only_task
    receipt = job.callbacks.get()
    assert (receipt.event, receipt.sent_from) == ("task.completed", "127.0.0.1")


def test_p30_a_lost_id_comes_back_by_the_vendors_callback(lost: Generation, vendor: Vendor) -> None:
    vendor.finish(vendor.only_task, b"film")
    assert call_about(lost, vendor.only_task).status_code == 204
    lost.refresh_from_db()
    assert lost.state == State.NEEDS_REVIEW, "the callback itself decided"
    run_queue("check_callback")
    lost.refresh_from_db()
    assert (lost.state, lost.upstream_id) == (State.PROCESSING, vendor.only_task)
    assert verdicts(lost) == ["adopted"]
    poll_due()
    lost.refresh_from_db()
    assert lost.state == State.COMPLETED
    assert len(vendor.creates) == 1


def test_p30_an_id_that_the_vendor_does_not_know_is_not_adopted(
    lost: Generation, vendor: Vendor
) -> None:
    assert call_about(lost, "made-up").status_code == 204
    run_queue("check_callback")
    lost.refresh_from_db()
    assert (lost.state, lost.upstream_id, verdicts(lost)) == ("needs_review", None, ["rejected"])
    # The true one may still come.
    call_about(lost, vendor.only_task)
    run_queue("check_callback")
    lost.refresh_from_db()
    assert lost.upstream_id == vendor.only_task


@pytest.mark.parametrize("created_at", [-360, -3600, 86_400 + 60, None, "now", float("1e11")])
def test_p30_a_task_from_another_time_is_not_adopted(
    lost: Generation, vendor: Vendor, created_at: Any
) -> None:
    assert lost.submitted_at is not None
    if isinstance(created_at, int):
        created_at = int(lost.submitted_at.timestamp()) + created_at
    older = vendor.add_task(created_at=created_at)
    call_about(lost, older)
    run_queue("check_callback")
    lost.refresh_from_db()
    assert (lost.upstream_id, verdicts(lost)) == (None, ["rejected"])


def test_p30_a_task_that_is_somebody_elses_is_not_adopted(
    lost: Generation, alice: Membership, vendor: Vendor
) -> None:
    task_id = vendor.only_task
    make_generation(alice, State.PROCESSING, upstream_id=task_id)
    call_about(lost, task_id)
    run_queue("check_callback")
    lost.refresh_from_db()
    assert (lost.upstream_id, verdicts(lost)) == (None, ["rejected"])


def test_p30_a_task_of_another_team_with_the_same_secret_is_not_adopted(
    alice: Membership, charlie: Membership, vendor: Vendor
) -> None:
    # One secret vaulted by two teams answers for the tasks of both.
    ProviderKey.objects.filter(team=charlie.team).delete()
    make_provider_key(charlie.team)
    theirs = make_generation(charlie)
    send_now()
    theirs.refresh_from_db()
    lost = lose(alice, vendor)
    assert theirs.upstream_id is not None
    call_about(lost, theirs.upstream_id)
    run_queue("check_callback")
    lost.refresh_from_db()
    assert (lost.upstream_id, verdicts(lost)) == (None, ["rejected"])


def test_p30_the_pinned_key_must_answer_for_it(
    lost: Generation, vendor: Vendor, team: Team, alice: Membership
) -> None:
    make_provider_key(team, alice.user, secret="sk-sandbox-alices-newer-key")
    sent_with = vendor.creates[0].headers["authorization"]
    call_about(lost, vendor.only_task)
    run_queue("check_callback")
    [look] = vendor.looks_at(vendor.only_task)
    assert look.headers["authorization"] == sent_with


@pytest.mark.parametrize(
    "reply",
    [
        html(502),
        drop,
        refuse(401, "invalid_api_key"),
        refuse(404, "model_not_found"),
        refuse(429, "rate_limit_exceeded"),
        refuse(503, "upstream_error"),
        say(200, {"id": "another", "status": "completed", "created_at": 1}),
    ],
)
def test_p30_an_unclear_answer_is_asked_again_later(
    lost: Generation, vendor: Vendor, reply: Reply
) -> None:
    vendor.next(f"{TASKS}{vendor.only_task}", reply)
    call_about(lost, vendor.only_task)
    run_queue("check_callback")
    lost.refresh_from_db()
    assert (lost.state, verdicts(lost)) == (State.NEEDS_REVIEW, ["proposed"])
    enqueue_due_steps(timezone.now() + timedelta(minutes=1))
    run_queue("check_callback")
    lost.refresh_from_db()
    assert (lost.state, verdicts(lost)) == (State.PROCESSING, ["adopted"])


@pytest.mark.django_db(transaction=True)
def test_p30_a_callback_that_overtakes_the_reply_to_our_post_is_only_noted(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice)
    task_id = vendor.add_task()
    statuses: list[int] = []

    def call_then_answer(exchange: Exchange) -> None:
        statuses.append(call_about(job, task_id).status_code)
        connections.close_all()
        say(200, {"code": 200, "data": {"taskId": task_id}})(exchange)

    vendor.next(CREATE, call_then_answer)
    send_now()
    job.refresh_from_db()
    assert (statuses, job.state, job.upstream_id) == ([204], State.PROCESSING, task_id)
    enqueue_due_steps(timezone.now() + timedelta(minutes=1))
    run_queue("check_callback")
    assert verdicts(job) == ["noted"]
    assert vendor.looks_at(task_id) == []


def test_p30_a_proposal_waits_as_long_as_the_reply_may_come(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice, State.SUBMITTING)
    assert call_about(job, vendor.add_task()).status_code == 204
    enqueue_due_steps(timezone.now() + timedelta(seconds=30))
    run_queue("check_callback")
    job.refresh_from_db()
    assert (job.state, verdicts(job)) == (State.SUBMITTING, ["proposed"])
    assert vendor.calls == []


def test_p30_what_overtook_a_reply_that_never_comes_is_checked_after_all(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice, State.SUBMITTING)
    task_id = vendor.add_task()
    call_about(job, task_id)
    empty_queue()
    mark_stale_submits_unknown(now=timezone.now() + STALE_AFTER * 2)
    assert [name for name, _ in queued()] == ["check_callback"]
    run_queue("check_callback")
    job.refresh_from_db()
    assert (job.state, job.upstream_id) == (State.PROCESSING, task_id)


def test_p30_a_doubled_callback_adopts_once(lost: Generation, vendor: Vendor) -> None:
    for _ in range(2):
        assert call_about(lost, vendor.only_task).status_code == 204
    run_queue("check_callback")
    assert verdicts(lost) == ["adopted", "noted"]
    assert lost.events.filter(to_state=State.PROCESSING).count() == 1


@pytest.mark.django_db(transaction=True)
def test_p30_checks_that_run_at_once_adopt_once(alice: Membership, vendor: Vendor) -> None:
    lost = lose(alice, vendor)
    for _ in range(2):
        call_about(lost, vendor.only_task)
    receipts = list(lost.callbacks.values_list("pk", flat=True)) * 3
    assert race(len(receipts), lambda n: check_callback(receipts[n])) == [None] * 6
    lost.refresh_from_db()
    assert (lost.state, lost.upstream_id) == (State.PROCESSING, vendor.only_task)
    assert sorted(verdicts(lost)) == ["adopted", "noted"]
    assert lost.events.filter(to_state=State.PROCESSING).count() == 1


def test_p30_nobody_can_fill_the_table_with_callbacks(job: Generation, vendor: Vendor) -> None:
    for _ in range(MAX_RECEIPTS + 5):
        assert call_about(job, vendor.only_task).status_code == 204
    assert job.callbacks.count() == MAX_RECEIPTS


def test_p05_a_loss_that_nobody_calls_about_stays_held_for_review(
    lost: Generation, vendor: Vendor
) -> None:
    for days in (1, 10, 100):
        empty_queue()
        enqueue_due_steps(timezone.now() + timedelta(days=days))
        run_queue("check_callback")
        send_all()
    lost.refresh_from_db()
    lost.hold.refresh_from_db()
    assert (lost.state, lost.hold.closed_at) == (State.NEEDS_REVIEW, None)
    assert len(vendor.creates) == 1
