"""Sending: claim, POST, keep the id; and what each answer or silence of the vendor means."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connections
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership, Team
from billing.models import Rate, Transfer
from billing.selectors import books_of
from generations.dispatch.claim import claim_next, send_next
from generations.dispatch.send import (
    POST_WITHIN,
    STALE_AFTER,
    mark_stale_submits_unknown,
    post_generation,
)
from generations.lifecycle import Ending, Money, ReviewReason, State
from generations.models import Generation, ProviderKey
from generations.ops.sweep import enqueue_due_steps
from generations.provider_keys.service import delete_provider_key, probe_provider_key
from generations.reports.audit import audit
from generations.review.corrections import release_reviewed
from generations.transitions import end_generation
from platform_site.secrets.cipher import generate_key
from tests.factories import SYSTEM, make_generation
from tests.support.races import race
from tests.support.steps import Trap, empty_queue, poll_due, queued, run_queue, send_now
from tests.support.vendor import CREATE, Reply, Vendor, drop, html, refuse, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def job(alice: Membership, provider_key: ProviderKey) -> Iterator[Generation]:
    """A queued generation; afterwards the books must balance, whatever happened to it."""
    yield make_generation(alice)
    assert list(audit()) == []


def send(job: Generation) -> Generation:
    send_now()
    job.refresh_from_db()
    return job


def is_held(job: Generation) -> bool:
    job.hold.refresh_from_db()
    return job.hold.closed_at is None


def test_a_queued_generation_is_sent_and_becomes_processing(
    job: Generation, vendor: Vendor
) -> None:
    send(job)
    assert job.state == State.PROCESSING
    assert job.upstream_id == vendor.only_task
    assert job.next_poll_at is not None
    assert is_held(job)


def test_p19_the_body_that_is_sent_is_the_body_that_was_priced(
    alice: Membership, vendor: Vendor
) -> None:
    orders: list[dict[str, Any]] = [
        {},
        {"resolution": "1080p", "duration": 8, "generate_audio": False},
        {"resolution": "480p", "duration": 12, "ratio": "9:16", "seed": -1},
    ]
    sent_prices = []
    for inputs in orders:
        job = send(make_generation(alice, **inputs))
        body = vendor.creates[-1].json
        rate = Rate.objects.get(pk=job.rate_id)
        billed = {
            name: body["input"][name] for name in ("duration", "resolution", "generate_audio")
        }
        assert (rate.model, rate.resolution, rate.audio) == (
            body["model"],
            billed["resolution"],
            billed["generate_audio"],
        )
        assert {**body, "callback_url": None} == {**job.body, "callback_url": None}
        sent_prices.append((rate.credits_per_second * billed["duration"], job.hold.amount))
    assert sent_prices == [(70, 70), (120, 120), (84, 84)]


def test_the_vendor_is_told_an_unguessable_path_to_call(job: Generation, vendor: Vendor) -> None:
    send(job)
    url = vendor.creates[0].json["callback_url"]
    assert url == f"http://dailies.test/callbacks/{job.callback_token}"
    assert len(job.callback_token) >= 43


def test_every_move_leaves_an_event_with_its_actor_and_the_upstream_id(
    job: Generation, vendor: Vendor
) -> None:
    send(job)
    moves = job.events.filter(kind="moved").values_list("from_state", "to_state", "actor")
    assert list(moves) == [
        ("queued", "submitting", "system:submit"),
        ("submitting", "processing", "system:submit"),
    ]
    last = job.events.last()
    assert last is not None
    assert last.upstream_id == vendor.only_task


@pytest.mark.parametrize("times", [2, 5])
def test_p26_a_step_that_runs_again_sends_nothing(
    job: Generation, vendor: Vendor, times: int
) -> None:
    for _ in range(times):
        send(job)
    assert len(vendor.creates) == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p26_of_eight_workers_at_once_one_sends(alice: Membership, vendor: Vendor) -> None:
    job = make_generation(alice)
    assert sorted(map(str, race(8, lambda _: send_next()))) == ["False"] * 7 + ["True"]
    assert len(vendor.creates) == 1
    job.refresh_from_db()
    assert job.upstream_id == vendor.only_task


@pytest.mark.django_db(transaction=True)
def test_p21_the_row_stands_as_submitting_before_the_vendor_hears_of_it(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice)
    gate = vendor.gate()
    vendor.next(CREATE, gate.before(vendor.accepts_then(drop)))
    with sending():
        gate.wait()
        job.refresh_from_db()
        assert (job.state, job.submitted_at is not None) == (State.SUBMITTING, True)
        gate.open()


class sending:  # noqa: N801  # reads as a verb
    """Send in a thread of its own, with a database connection of its own."""

    def __init__(self) -> None:
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        send_next()
        connections.close_all()

    def __enter__(self) -> threading.Thread:
        self._thread.start()
        return self._thread

    def __exit__(self, *_error: object) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.mark.parametrize(
    "reply", [drop, html(500), html(502), html(400), html(404), say(200, b'{"code": 200, "da')]
)
def test_p22_a_job_that_may_have_been_accepted_waits_for_evidence(
    job: Generation, vendor: Vendor, reply: Reply
) -> None:
    vendor.next(CREATE, vendor.accepts_then(reply))
    send(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SUBMIT_UNKNOWN)
    assert is_held(job)
    empty_queue()
    enqueue_due_steps(timezone.now() + timedelta(days=30))
    run_queue("send")
    assert len(vendor.creates) == 1, "it was sent again"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://vendor.invalid", "tls"])
def test_p22_a_job_that_was_provably_not_sent_goes_back_to_the_queue(
    job: Generation, vendor: Vendor, endpoint: str
) -> None:
    at = vendor.url.replace("http:", "https:") if endpoint == "tls" else endpoint
    ProviderKey.objects.update(endpoint=at)
    send(job)
    assert (job.state, job.submitted_at, job.submit_attempts) == (State.QUEUED, None, 0)
    assert job.next_submit_at is not None
    assert is_held(job)
    assert vendor.creates == []
    ProviderKey.objects.update(endpoint=vendor.url)
    assert send(job).state == State.PROCESSING


def test_a_rate_limit_holds_the_key_back_and_never_fails(
    job: Generation, vendor: Vendor, provider_key: ProviderKey
) -> None:
    waits = []
    for _ in range(9):
        vendor.next(CREATE, refuse(429, "rate_limit_exceeded"))
        before = timezone.now()
        send(job)
        assert (job.state, job.submitted_at) == (State.QUEUED, None)
        provider_key.refresh_from_db()
        assert provider_key.next_send_at is not None
        waits.append(round((provider_key.next_send_at - before).total_seconds()))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 120, 120]
    assert (job.submit_attempts, is_held(job)) == (0, True)
    assert send(job).state == State.PROCESSING
    provider_key.refresh_from_db()
    assert (provider_key.send_failures, provider_key.next_send_at) == (0, None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "invalid_api_key"),
        (402, "insufficient_credits"),
        (403, "ip_not_allowed"),
        (429, "spend_limit_exceeded"),
        (403, "a_word_we_never_heard"),
    ],
)
def test_p36_trouble_with_the_key_pauses_it_and_keeps_its_jobs(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey, status: int, code: str
) -> None:
    jobs = [make_generation(alice) for _ in range(3)]
    vendor.next(CREATE, refuse(status, code, "Top up."))
    send(jobs[0])
    provider_key.refresh_from_db()
    assert provider_key.state == ProviderKey.State.PAUSED
    assert (provider_key.pause_code, provider_key.pause_note) == (code, "Top up.")
    for job in jobs:
        assert send(job).state == State.QUEUED
        assert is_held(job)
    assert len(vendor.creates) == 1, "a paused key was used"

    probe_provider_key(provider_key.pk)
    provider_key.refresh_from_db()
    assert provider_key.state == ProviderKey.State.ACTIVE
    enqueue_due_steps(timezone.now())
    run_queue("send")
    assert {job.state for job in Generation.objects.all()} == {State.PROCESSING}
    assert len(vendor.creates) == 4


def test_an_ill_vendor_is_tried_five_times_and_then_refunded(
    job: Generation, vendor: Vendor
) -> None:
    vendor.always(CREATE, refuse(503, "upstream_error", "Temporarily unavailable."))
    states = [send(job).state for _ in range(7)]
    assert states == ["queued"] * 4 + ["failed"] * 3
    assert len(vendor.creates) == 5
    assert (job.error_code, job.error_message) == ("upstream_error", "Temporarily unavailable.")
    assert not is_held(job)
    assert books_of(job.team).available == 1000


def test_a_success_without_a_task_id_counts_as_a_failure_of_the_vendor(
    job: Generation, vendor: Vendor
) -> None:
    vendor.next(CREATE, say(200, {"code": 200, "data": {}}))
    send(job)
    assert (job.state, job.submit_attempts) == (State.QUEUED, 1)
    assert send(job).state == State.PROCESSING


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (503, "upstream_error", "The input contains sensitive or prohibited content"),
        (400, "invalid_request", "'duration' is wrong."),
        (404, "model_not_found", "No such model."),
        (400, "upstream_error", "Not \0 storable \ud800"),
    ],
)
@pytest.mark.both_databases
def test_a_refusal_of_the_request_itself_fails_and_releases_at_once(
    job: Generation, vendor: Vendor, status: int, code: str, message: str
) -> None:
    vendor.next(CREATE, refuse(status, code, message))
    send(job)
    assert (job.state, job.error_code) == (State.FAILED, code)
    assert not is_held(job)
    assert books_of(job.team).available == 1000
    assert len(vendor.creates) == 1


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


@pytest.mark.django_db(transaction=True)
def test_p21_an_answer_that_outlives_our_patience_still_counts(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice)
    gate = vendor.gate()
    vendor.next(CREATE, gate.before(vendor._usual))
    with sending():
        gate.wait()
        mark_stale_submits_unknown(now=timezone.now() + STALE_AFTER * 2)
        job.refresh_from_db()
        assert job.state == State.NEEDS_REVIEW
        gate.open()
    job.refresh_from_db()
    assert (job.state, job.upstream_id) == (State.PROCESSING, vendor.only_task)
    assert job.review_reason == ""


@pytest.mark.django_db(transaction=True)
def test_p21_an_answer_that_outlives_a_persons_decision_corrects_it(
    alice: Membership, vendor: Vendor
) -> None:
    job = make_generation(alice)
    gate = vendor.gate()
    vendor.next(CREATE, gate.before(vendor._usual))
    with sending():
        gate.wait()
        mark_stale_submits_unknown(now=timezone.now() + STALE_AFTER * 2)
        job.refresh_from_db()
        release_reviewed(job, by=SYSTEM, reason="Never sent, it seems.", now=timezone.now())
        gate.open()
    job.refresh_from_db()
    assert (job.state, job.upstream_id) == (State.FAILED, vendor.only_task)
    vendor.finish(vendor.only_task, urls=[])
    poll_due()
    assert books_of(job.team).spent == job.credits
    assert list(audit()) == []


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
    gate = vendor.gate()
    vendor.next(CREATE, gate.before(vendor._usual))
    with sending():
        gate.wait()
        mark_stale_submits_unknown(now=timezone.now() + STALE_AFTER * 2)
        job.refresh_from_db()
        end_generation(job, Ending.FAILED, money=Money.RELEASE, by=SYSTEM, now=timezone.now())
        gate.open()
    assert vendor.only_task in shouted(caplog)
    job.refresh_from_db()
    assert (job.state, job.upstream_id) == (State.FAILED, None)


@pytest.mark.both_databases
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


def test_a_key_that_does_not_open_sends_nothing_and_loses_nothing(
    job: Generation, vendor: Vendor, settings: Settings
) -> None:
    right, settings.VAULT_KEYS = settings.VAULT_KEYS, f"other:{generate_key()}"
    assert send(job).state == State.QUEUED
    assert is_held(job)
    assert vendor.calls == []
    settings.VAULT_KEYS = right
    assert send(job).state == State.PROCESSING


def test_p25_a_job_whose_key_was_wiped_fails_and_is_refunded(
    job: Generation, vendor: Vendor
) -> None:
    ProviderKey.objects.update(secret_token="", state=ProviderKey.State.SEALED)
    assert send(job).state == State.FAILED
    assert not is_held(job)
    assert vendor.calls == []


def test_p25_a_job_admitted_before_its_key_was_deleted_is_sent_with_it(
    job: Generation, vendor: Vendor, provider_key: ProviderKey
) -> None:
    delete_provider_key(provider_key, by=SYSTEM)
    assert send(job).state == State.PROCESSING
    vendor.finish(vendor.only_task, urls=[])
    Generation.objects.update(next_poll_at=timezone.now())
    poll_due()
    job.refresh_from_db()
    assert job.state == State.COMPLETED


def test_p25_a_deleted_key_that_the_vendor_turns_away_refunds_its_jobs(
    job: Generation, vendor: Vendor, provider_key: ProviderKey
) -> None:
    # Nobody will mend a key that its owner has deleted.
    delete_provider_key(provider_key, by=SYSTEM)
    vendor.next(CREATE, refuse(401, "invalid_api_key"))
    assert send(job).state == State.FAILED
    assert not is_held(job)


def test_p23_what_the_sweep_finds_is_only_what_is_queued(alice: Membership, vendor: Vendor) -> None:
    states = [State.QUEUED, State.SUBMITTING, State.PROCESSING, State.NEEDS_REVIEW]
    states += [State.FAILED, State.CANCELLED]
    jobs = {state: make_generation(alice, state) for state in states}
    empty_queue()
    enqueue_due_steps(timezone.now() + timedelta(hours=1))
    assert ("send", ()) in queued()
    run_queue("send")
    assert len(vendor.creates) == 1
    jobs[State.QUEUED].refresh_from_db()
    assert jobs[State.QUEUED].upstream_id == vendor.only_task


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p26_twenty_jobs_delivered_three_times_each_are_sent_once_each(
    alice: Membership, team: Team, vendor: Vendor
) -> None:
    jobs = [make_generation(alice, duration=4, resolution="480p") for _ in range(20)]
    with ThreadPoolExecutor(6) as pool:
        sent = list(pool.map(_send_and_hang_up, range(3 * len(jobs))))
    assert sent.count(True) == 20
    assert len(vendor.creates) == 20
    assert {job.state for job in Generation.objects.all()} == {State.PROCESSING}
    assert Transfer.objects.filter(kind="hold", team=team).count() == 20


def _send_and_hang_up(_number: int) -> bool:
    try:
        return send_next()
    finally:
        connections.close_all()
