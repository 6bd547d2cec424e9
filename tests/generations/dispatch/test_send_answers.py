"""What each answer of the vendor to a submit means, and what its silence (P22, P36)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Membership
from billing.selectors import books_of
from generations.lifecycle import ReviewReason, State
from generations.models import Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.provider_keys.service import probe_provider_key
from tests.factories import make_generation
from tests.support.desk import is_held
from tests.support.sending import send, send_all
from tests.support.steps import empty_queue
from tests.support.vendor import CREATE, Reply, Vendor, drop, html, refuse, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


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
    send_all()
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
    send_all()
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
