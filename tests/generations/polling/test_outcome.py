"""Polling: the vendor's clear word ends a generation, once, with its credits."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership
from billing.models import Transfer
from billing.selectors import books_of
from generations.lifecycle import State
from generations.models import Film, Generation
from generations.polling.outcome import complete
from generations.reports.audit import audit_site
from generations.vendors import TaskReport, TaskStatus
from tests.factories import fund, make_generation
from tests.support.desk import is_held
from tests.support.races import race
from tests.support.steps import Trap, make_due, poll_due, polled, queued
from tests.support.vendor import Vendor
from tests.support.working import CHEAP, working

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


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
    assert list(audit_site()) == []


def test_a_failed_task_is_refunded_with_the_vendors_reason(job: Generation, vendor: Vendor) -> None:
    vendor.fail(vendor.only_task, "upstream_error", "Too dark.")
    polled(job)
    assert (job.state, job.error_code, job.error_message) == (
        State.FAILED,
        "upstream_error",
        "Too dark.",
    )
    assert books_of(job.team).available == 1000
    assert list(audit_site()) == []


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
    assert list(audit_site()) == []
    make_due(job)
    polled(job)
    assert (job.is_terminal, is_held(job)) == (True, False)
    assert list(audit_site()) == []


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
    assert list(audit_site()) == []


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
