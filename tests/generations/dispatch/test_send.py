"""Sending: claim once, POST what was priced with the key that was pinned, keep the id."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership, Team
from billing.models import Rate, Transfer
from generations.dispatch.fair_queue import sendable_keys
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.provider_keys.service import delete_provider_key
from tests.factories import SYSTEM, make_generation
from tests.support.desk import is_held
from tests.support.races import race
from tests.support.sending import send, send_all, send_next, sending
from tests.support.steps import empty_queue, poll_due, queued
from tests.support.vault_keys import generate_key
from tests.support.vendor import CREATE, Vendor, drop, refuse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


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
    assert ("dispatch", ()) in queued()
    send_all()
    assert len(vendor.creates) == 1
    jobs[State.QUEUED].refresh_from_db()
    assert jobs[State.QUEUED].upstream_id == vendor.only_task


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p26_twenty_jobs_that_six_send_at_once_are_sent_once_each(
    alice: Membership, team: Team, vendor: Vendor
) -> None:
    for _ in range(20):
        make_generation(alice, duration=4, resolution="480p")
    outcomes = race(6, lambda _: _send_while_any_can_be_sent())
    assert sum(one for one in outcomes if isinstance(one, int)) == len(vendor.creates) == 20
    assert {job.state for job in Generation.objects.all()} == {State.PROCESSING}
    assert Transfer.objects.filter(kind="hold", team=team).count() == 20


def _send_while_any_can_be_sent() -> int:
    """Send one after the other, as long as others have a key also; return how many."""
    sent = 0
    while sendable_keys(timezone.now()):
        sent += send_next()
    return sent
