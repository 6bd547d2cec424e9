"""What brought a generation into review is stored where it happens, and told from there (F15)."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership
from generations.dispatch.submit_unknown import STALE_AFTER, mark_stale_submits_unknown
from generations.lifecycle import EventKind, ReviewCause, ReviewReason, State
from generations.models import Generation, GenerationEvent
from generations.polling.outcome import DEADLINE
from generations.review.evidence import reviews_of
from generations.vendors import UnclearCause
from tests.factories import make_generation
from tests.support.sending import send_now
from tests.support.steps import Trap, make_due, poll_due
from tests.support.vendor import CREATE, Exchange, Reply, Vendor, drop, html, reset, say
from tests.support.working import CHEAP, working

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def into_review(generation: Generation) -> GenerationEvent:
    return generation.events.get(kind=EventKind.MOVED, to_state=State.NEEDS_REVIEW)


def told(generation: Generation) -> str:
    """Return how its review is said to have begun."""
    generation.refresh_from_db()
    [review] = reviews_of([generation], now=timezone.now())
    began = {"Answer lost", "Deadline passed"}
    return next(fact.detail for fact in review.timeline if fact.what in began)


def too_large(exchange: Exchange) -> None:
    exchange.send(200, b" " * (1024 * 1024 + 1))


def cut_short(exchange: Exchange) -> None:
    exchange.send(200, b'{"code"', {"Content-Length": "500"})


@pytest.mark.parametrize(
    ("reply", "cause", "data", "words"),
    [
        (
            drop,
            ReviewCause.BROKEN_OFF,
            {"error": "RemoteProtocolError"},
            "The connection broke before the whole answer came (RemoteProtocolError).",
        ),
        (
            reset,
            ReviewCause.BROKEN_OFF,
            {"error": "ReadError"},
            "The connection broke before the whole answer came (ReadError).",
        ),
        (
            cut_short,
            ReviewCause.BROKEN_OFF,
            {"error": "RemoteProtocolError"},
            "The connection broke before the whole answer came (RemoteProtocolError).",
        ),
        (
            html(502),
            ReviewCause.NO_ENVELOPE,
            {"status": 502},
            "Something answered HTTP 502 in the vendor's place.",
        ),
        (
            html(200),
            ReviewCause.NO_ENVELOPE,
            {"status": 200},
            "Something answered HTTP 200 in the vendor's place.",
        ),
        (too_large, ReviewCause.TOO_LARGE, {}, "The answer is too large."),
        (
            say(200, {"data": {"taskId": 7}}),
            ReviewCause.UNUSABLE_ID,
            {"status": 200},
            "The vendor accepted it under an id that cannot be stored.",
        ),
    ],
    ids=["dropped", "reset", "cut short", "502", "200", "too large", "unusable id"],
)
def test_f15_a_lost_answer_has_its_cause_and_is_told_by_it(
    alice: Membership,
    vendor: Vendor,
    reply: Reply,
    cause: ReviewCause,
    data: dict[str, Any],
    words: str,
) -> None:
    job = make_generation(alice, **CHEAP)
    vendor.next(CREATE, reply)
    send_now()
    event = into_review(job)
    assert (event.cause, event.data) == (cause, data)
    assert told(job) == words


def test_f15_p21_whatever_is_unclear_is_a_cause_or_a_paid_task_would_not_be_parked() -> None:
    assert {one.value for one in UnclearCause} <= set(ReviewCause.values)


def test_f15_a_worker_that_stopped_is_a_cause(alice: Membership) -> None:
    job = make_generation(alice, State.SUBMITTING, now=timezone.now() - STALE_AFTER * 2)
    assert mark_stale_submits_unknown(now=timezone.now()) == 1
    assert (into_review(job).cause, into_review(job).data) == (ReviewCause.WORKER_STOPPED, {})
    assert told(job) == "The worker stopped while submitting; the vendor may have accepted it."


def test_f15_a_deadline_that_passed_is_a_cause(alice: Membership, vendor: Vendor) -> None:
    job = overdue(working(alice, vendor, **CHEAP))
    poll_due()
    assert into_review(job).cause == ReviewCause.DEADLINE_PASSED
    assert told(job) == "The vendor has not finished it by its deadline; its credits stay held."


def test_f15_an_answer_that_cannot_be_recorded_is_a_cause(
    alice: Membership, vendor: Vendor
) -> None:
    job = overdue(working(alice, vendor, **CHEAP))
    vendor.finish(job.upstream_id or "", b"film")
    with Trap("generations_film", "INSERT", f"NEW.generation_id = '{job.pk.hex}'"):
        poll_due()
    assert into_review(job).cause == ReviewCause.NOT_RECORDED
    assert told(job) == "The vendor's answer could not be recorded; its credits stay held."


def test_f15_no_other_event_has_a_cause(alice: Membership, vendor: Vendor) -> None:
    job = make_generation(alice, **CHEAP)
    send_now()
    vendor.fail(vendor.only_task, "upstream_error", "No whole answer: ReadTimeout.")
    make_due(job)
    poll_due()
    assert job.events.exclude(cause="", data={}).count() == 0
    assert not Generation.objects.filter(review_reason__in=ReviewReason.values).exists()


def overdue(job: Generation) -> Generation:
    earlier = timezone.now() - DEADLINE - timedelta(seconds=1)
    Generation.objects.filter(pk=job.pk).update(
        accepted_at=earlier, submitted_at=earlier, next_poll_at=earlier
    )
    job.refresh_from_db()
    return job
