"""Polling: unclear answers and silence end nothing (P13, P28)."""

from datetime import timedelta
from typing import Any

import pytest
from django.forms.models import model_to_dict
from django.utils import timezone

from accounts.models import Membership
from billing.models import Transfer
from billing.selectors import books_of
from generations.lifecycle import ReviewReason, State
from generations.models import Film, Generation, GenerationEvent, ProviderKey
from generations.polling.outcome import DEADLINE
from generations.reports.audit import audit_site
from generations.review.corrections import settle_reviewed
from tests.factories import SYSTEM
from tests.support.desk import is_held
from tests.support.steps import make_due, polled
from tests.support.vendor import TASKS, Reply, Vendor, drop, html, refuse, reset, say
from tests.support.working import working

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def snapshot(job: Generation, *, without: set[str]) -> dict[str, Any]:
    job.refresh_from_db()
    fields = {field.name: field.value_from_object(job) for field in job._meta.concrete_fields}
    return {name: value for name, value in fields.items() if name not in without}


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
    unknown: list[Any] = ["exploded", "cancelled", "half completed", "", None, 7, ["completed"], {}]
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
    assert list(audit_site()) == []

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
