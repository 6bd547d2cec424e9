"""Polling: only the vendor's clear word ends a generation, whatever else it says or does not."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.forms.models import model_to_dict
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership
from billing.models import Transfer
from billing.selectors import books_of
from generations.lifecycle import ReviewReason, State
from generations.models import Film, Generation, GenerationEvent, ProviderKey, VideoModel
from generations.ops.clean_up import clean_up
from generations.polling.outcome import DEADLINE, complete
from generations.provider_keys.service import delete_provider_key
from generations.reports.audit import audit
from generations.review.corrections import settle_reviewed
from generations.vendors import TaskReport, TaskStatus
from platform_site.secrets.cipher import generate_key
from tests.factories import SYSTEM, fund, make_generation, make_provider_key
from tests.support.races import race
from tests.support.steps import Trap, make_due, poll_due, queued
from tests.support.vendor import TASKS, Reply, Vendor, drop, html, refuse, reset, say
from tests.support.working import CHEAP, working

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def job(alice: Membership, vendor: Vendor) -> Generation:
    """A generation that the vendor works on."""
    return working(alice, vendor)


def polled(job: Generation) -> Generation:
    poll_due()
    job.refresh_from_db()
    return job


def is_held(job: Generation) -> bool:
    job.hold.refresh_from_db()
    return job.hold.closed_at is None


def snapshot(job: Generation, *, without: set[str]) -> dict[str, Any]:
    job.refresh_from_db()
    fields = {field.name: field.value_from_object(job) for field in job._meta.concrete_fields}
    return {name: value for name, value in fields.items() if name not in without}


def test_a_running_task_is_looked_at_again_later(job: Generation, vendor: Vendor) -> None:
    before = timezone.now()
    polled(job)
    assert (job.state, job.polls, job.poll_failures) == (State.PROCESSING, 1, 0)
    assert job.next_poll_at is not None
    assert job.next_poll_at > before
    [call] = vendor.looks_at(job.upstream_id or "")
    assert call.method == "GET"


def test_a_completed_task_settles_and_its_film_is_fetched_next(
    job: Generation, vendor: Vendor
) -> None:
    vendor.finish(vendor.only_task, b"film", duration=5, resolution="720p", ratio="16:9")
    polled(job)
    assert (job.state, job.seed, job.metadata_differs) == (State.COMPLETED, 41485, False)
    assert (job.hold.amount, is_held(job)) == (70, False)
    assert books_of(job.team).spent == 70
    assert job.film.state == Film.State.PENDING
    assert ("keep", (str(job.pk),)) in queued()
    assert list(audit()) == []


def test_a_failed_task_is_refunded_with_the_vendors_reason(job: Generation, vendor: Vendor) -> None:
    vendor.fail(vendor.only_task, "upstream_error", "Too dark.")
    polled(job)
    assert (job.state, job.error_code, job.error_message) == (
        State.FAILED,
        "upstream_error",
        "Too dark.",
    )
    assert books_of(job.team).available == 1000
    assert list(audit()) == []


@pytest.mark.parametrize(
    "reply",
    [
        refuse(401, "invalid_api_key"),
        refuse(402, "insufficient_credits"),
        refuse(403, "ip_not_allowed"),
        refuse(404, "task_not_found"),
        refuse(429, "rate_limit_exceeded"),
        refuse(429, "spend_limit_exceeded"),
        refuse(500, "internal_error"),
        refuse(503, "upstream_error", "sensitive or prohibited"),
        html(200),
        html(404),
        html(502),
        drop,
        reset,
        say(200, {"id": "another", "status": "completed", "output": {"urls": ["u"]}}),
        say(200, {"id": "another", "status": "failed"}),
        say(200, b"{"),
        say(200, b'{"id": NaN, "status": Infinity}'),
        say(200, b"[" * 100_000),
        say(200, b'"' + b"x" * 2_000_000 + b'"'),
    ],
)
def test_p28_an_unclear_answer_changes_only_when_to_look_next(
    job: Generation, vendor: Vendor, provider_key: ProviderKey, reply: Reply
) -> None:
    untouched = {"next_poll_at", "polls", "poll_failures"}
    before = snapshot(job, without=untouched)
    events, transfers = GenerationEvent.objects.count(), Transfer.objects.count()
    key = model_to_dict(provider_key)
    vendor.next(f"{TASKS}{job.upstream_id}", reply)
    polled(job)
    assert snapshot(job, without=untouched) == before
    assert (job.polls, job.poll_failures) == (1, 1)
    assert (GenerationEvent.objects.count(), Transfer.objects.count()) == (events, transfers)
    provider_key.refresh_from_db()
    assert model_to_dict(provider_key) == key


def test_p28_an_unknown_status_changes_only_when_to_look_next(
    job: Generation, vendor: Vendor
) -> None:
    unknown: list[Any] = ["exploded", "cancelled", "COMPLETED", "", None, 7, ["completed"], {}]
    for status in unknown:
        vendor.next(
            f"{TASKS}{job.upstream_id}", say(200, {"id": job.upstream_id, "status": status})
        )
        make_due(job)
        polled(job)
    assert (job.state, job.polls, job.poll_failures) == (State.PROCESSING, 8, 8)


def test_p28_trouble_makes_polls_rarer_and_a_clear_answer_ends_that(
    job: Generation, vendor: Vendor
) -> None:
    waits = []
    for _ in range(10):
        vendor.next(f"{TASKS}{job.upstream_id}", html(502))
        make_due(job)
        polled(job)
        assert job.next_poll_at is not None
        waits.append(round((job.next_poll_at - timezone.now()).total_seconds()))
    assert waits == sorted(waits)
    assert 250 <= waits[-1] <= 300
    make_due(job)
    assert polled(job).poll_failures == 0


def test_p28_times_beyond_any_calendar_do_not_stop_a_completion(
    alice: Membership, vendor: Vendor
) -> None:
    for moment in (9e11, -9e11, 1e300, 0, -1, 1, True, "soon"):
        job = working(alice, vendor, duration=4, resolution="480p", generate_audio=False)
        task_id = job.upstream_id or ""
        vendor.finish(task_id, b"film")
        vendor.tasks[task_id]["completed_at"] = moment
        assert polled(job).state == State.COMPLETED, moment
        film = Film.objects.get(pk=job.pk)
        assert film.link_expires_at is not None
        assert timedelta(hours=23) < film.link_expires_at - timezone.now() < timedelta(hours=25)


def test_p13_silence_past_the_deadline_asks_for_a_review_and_keeps_the_hold(
    job: Generation, vendor: Vendor
) -> None:
    overdue(job)
    polled(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SILENT)
    assert is_held(job)
    assert list(audit()) == []

    assert job.next_poll_at is not None
    make_due(job)
    polled(job)
    assert (job.state, len(vendor.looks_at(vendor.only_task))) == (State.NEEDS_REVIEW, 2)

    vendor.finish(vendor.only_task, b"film")
    make_due(job)
    assert polled(job).state == State.COMPLETED
    assert job.review_reason == ""
    assert books_of(job.team).spent == 70


def test_p13_the_late_truth_may_also_be_a_failure(job: Generation, vendor: Vendor) -> None:
    overdue(job)
    polled(job)
    vendor.fail(vendor.only_task)
    make_due(job)
    assert polled(job).state == State.FAILED
    assert books_of(job.team).available == 1000


def test_p13_a_vendor_that_makes_no_sense_is_silent_too(job: Generation, vendor: Vendor) -> None:
    overdue(job)
    vendor.always(f"{TASKS}{job.upstream_id}", refuse(404, "task_not_found"))
    polled(job)
    assert (job.state, job.review_reason) == (State.NEEDS_REVIEW, ReviewReason.SILENT)
    assert is_held(job)


def test_p13_a_completion_that_is_seen_after_the_deadline_needs_no_review(
    job: Generation, vendor: Vendor
) -> None:
    overdue(job)
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED


def test_p13_one_that_a_person_ended_is_watched_and_stays_nobodys(
    job: Generation, vendor: Vendor
) -> None:
    overdue(job)
    polled(job)
    settle_reviewed(job, by=SYSTEM, reason="It runs for ever.", now=timezone.now())
    make_due(job)
    polled(job)
    assert len(vendor.looks_at(vendor.only_task)) == 2
    assert job.next_poll_at is not None
    assert job.poll_holder == ""


def overdue(job: Generation) -> None:
    earlier = timezone.now() - DEADLINE - timedelta(seconds=1)
    Generation.objects.filter(pk=job.pk).update(accepted_at=earlier, submitted_at=earlier)


def test_p24_a_paid_job_goes_on_whatever_became_of_its_inputs(
    job: Generation, vendor: Vendor
) -> None:
    VideoModel.objects.all().delete()
    Generation.objects.update(body={"nonsense": True}, prompt="", duration=99, resolution="9p")
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED
    assert job.metadata_differs is False
    assert books_of(job.team).spent == 70


def test_p25_a_task_is_asked_for_with_the_key_that_made_it(
    job: Generation, alice: Membership, vendor: Vendor
) -> None:
    secret = "sk-sandbox-another-of-alices-own"
    make_provider_key(alice.team, alice.user, secret=secret)
    polled(job)
    [call] = vendor.looks_at(vendor.only_task)
    assert call.headers["authorization"] != f"Bearer {secret}"
    assert call.headers["authorization"].startswith("Bearer sk-sandbox-")


def test_p25_a_task_is_asked_for_where_it_was_made(
    job: Generation, vendor: Vendor, settings: Settings
) -> None:
    settings.SANDBOX_URL = settings.PROVIDER_URL = "http://127.0.0.1:9"
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED


def test_p25_a_deleted_key_lives_until_its_last_generation_and_film(
    job: Generation, vendor: Vendor, provider_key: ProviderKey
) -> None:
    delete_provider_key(provider_key, by=SYSTEM)
    assert is_sealed_with_secret(provider_key)
    vendor.finish(vendor.only_task, b"film")
    assert polled(job).state == State.COMPLETED
    clean_up()
    assert is_sealed_with_secret(provider_key), "a film whose link dies is asked for with it"
    Film.objects.update(state=Film.State.KEPT)
    clean_up()
    provider_key.refresh_from_db()
    assert (provider_key.state, provider_key.secret_token) == (ProviderKey.State.SEALED, "")


def is_sealed_with_secret(key: ProviderKey) -> bool:
    key.refresh_from_db()
    return key.state == ProviderKey.State.SEALED and key.secret_token != ""


def test_a_key_that_does_not_open_is_trouble_and_no_end(
    job: Generation, vendor: Vendor, settings: Settings
) -> None:
    settings.VAULT_KEYS = f"other:{generate_key()}"
    polled(job)
    assert (job.state, job.poll_failures, vendor.calls) == (State.PROCESSING, 1, [])


def test_p29_a_completion_without_a_film_settles_and_is_flagged(
    alice: Membership, vendor: Vendor, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
    job = working(alice, vendor, callback_url=f"{vendor.url}/hook")
    vendor.finish(job.upstream_id or "", urls=[])
    polled(job)
    assert (job.state, books_of(job.team).spent) == (State.COMPLETED, 70)
    assert job.film.state == Film.State.GIVEN_UP
    assert "without a link" in job.film.problem
    assert job.film.lost_at is not None
    assert "film_without_link" in str([record.msg for record in caplog.records])
    assert [name for name, _ in queued()].count("deliver") == 1
    assert "keep" not in [name for name, _ in queued()]


@pytest.mark.parametrize(
    ("metadata", "differs"),
    [
        ({}, False),
        ({"duration": 5, "resolution": "720p", "ratio": "16:9", "generate_audio": True}, False),
        ({"duration": 4}, True),
        ({"resolution": "480p"}, True),
        ({"ratio": "9:16"}, True),
        ({"generate_audio": False}, True),
        ({"framespersecond": 30}, False),
    ],
)
def test_p19_metadata_that_differs_from_the_order_is_flagged(
    job: Generation, vendor: Vendor, metadata: dict[str, Any], differs: bool
) -> None:
    vendor.finish(vendor.only_task, b"film", **metadata)
    assert polled(job).metadata_differs is differs


@pytest.mark.parametrize(
    ("ending", "table"),
    [
        ("complete", "billing_transfer"),
        ("complete", "generations_film"),
        ("complete", "generations_generationevent"),
        ("complete", "django_q_ormq"),
        ("fail", "billing_transfer"),
        ("fail", "generations_generationevent"),
    ],
)
@pytest.mark.both_databases
def test_p10_state_and_money_commit_together_or_not_at_all(
    job: Generation, vendor: Vendor, table: str, ending: str
) -> None:
    if ending == "complete":
        vendor.finish(vendor.only_task, b"film")
    else:
        vendor.fail(vendor.only_task)
    with Trap(table, "INSERT"):
        polled(job)
    assert (job.state, is_held(job), books_of(job.team).held) == (State.PROCESSING, True, 70)
    assert not Film.objects.exists()
    assert list(audit()) == []
    make_due(job)
    polled(job)
    assert (job.is_terminal, is_held(job)) == (True, False)
    assert list(audit()) == []


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p09_a_completion_that_is_seen_many_times_at_once_settles_once(
    alice: Membership, vendor: Vendor
) -> None:
    job = working(alice, vendor)
    report = TaskReport(id=job.upstream_id or "", status=TaskStatus.COMPLETED, urls=("http://u/",))
    copies = [Generation.objects.get(pk=job.pk) for _ in range(6)]
    outcomes = race(6, lambda number: complete(copies[number], report, now=timezone.now()))
    assert sorted(map(str, outcomes)) == ["False"] * 5 + ["True"]
    assert Transfer.objects.filter(kind="settle", hold=job.hold).count() == 1
    assert list(audit()) == []


def test_a_row_that_cannot_be_written_does_not_stop_the_others(
    alice: Membership, vendor: Vendor
) -> None:
    first, second = working(alice, vendor), working(alice, vendor)
    for one in (first, second):
        vendor.fail(one.upstream_id or "")
    with Trap("generations_generation", "UPDATE", f"NEW.id = '{first.pk.hex}' AND NEW.ended_at"):
        poll_due()
    second.refresh_from_db()
    assert second.state == State.FAILED


def test_p35_an_end_names_its_actor_in_the_event_and_in_the_books(
    job: Generation, vendor: Vendor
) -> None:
    vendor.finish(vendor.only_task, b"film")
    polled(job)
    entry = Transfer.objects.get(kind="settle", hold=job.hold)
    event = job.events.get(to_state=State.COMPLETED)
    assert (entry.actor, event.actor) == ("system:poll", "system:poll")
    assert event.upstream_id == vendor.only_task


def test_without_a_history_looks_are_dense_at_first_and_then_thinner(
    job: Generation, vendor: Vendor
) -> None:
    now = timezone.now()
    waits = [wait_after(job, now - timedelta(seconds=age)) for age in (0, 30, 120, 3600)]
    assert waits == pytest.approx([1, 3, 12, 30], rel=0.11)


def test_the_sites_history_says_when_to_look(
    job: Generation, alice: Membership, vendor: Vendor
) -> None:
    fund(alice.team, 10_000)
    started = timezone.now() - timedelta(hours=1)
    for seconds in range(100, 120):
        past = make_generation(alice, State.COMPLETED, now=started)
        ended_at = started + timedelta(seconds=seconds)
        Generation.objects.filter(pk=past.pk).update(ended_at=ended_at)
    cache.clear()
    now = timezone.now()
    waits = [wait_after(job, now - timedelta(seconds=age)) for age in (1, 80, 110, 3600)]
    assert waits == pytest.approx([30, 10, 2.5, 60], rel=0.12)
    other = working(alice, vendor, **CHEAP)  # a kind that has no history
    assert wait_after(other, now - timedelta(seconds=10)) == pytest.approx(1, rel=0.12)


def wait_after(job: Generation, accepted_at: datetime) -> float:
    Generation.objects.filter(pk=job.pk).update(accepted_at=accepted_at)
    make_due(job)
    polled(job)
    assert job.next_poll_at is not None
    return (job.next_poll_at - timezone.now()).total_seconds()


@pytest.mark.both_databases
def test_an_answer_may_be_stored_as_it_came(job: Generation, vendor: Vendor) -> None:
    text = json.dumps({"duration": 5, "seed": 2**70, "ratio": "\ud800", "resolution": "7\0p"})
    vendor.finish(vendor.only_task, b"film", **json.loads(text))
    polled(job)
    assert (job.state, job.seed) == (State.COMPLETED, None)
