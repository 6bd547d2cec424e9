"""What evidence says: pure, and never more than it proves (P13)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from generations.lifecycle import ReviewCause, ReviewReason
from generations.review.advice import (
    Action,
    Evidence,
    Proposal,
    UsageReading,
    advise,
    evidence_timeline,
)

SENT = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
SOON = SENT + timedelta(minutes=3)
BEFORE = UsageReading(SENT - timedelta(minutes=2), 100, 900, "Agrees")
AFTER = UsageReading(SENT + timedelta(minutes=2), 170, 830, "Waiting for a second quiet sample")


def evidence(**more: Any) -> Evidence:
    known: dict[str, Any] = {
        "reason": ReviewReason.SUBMIT_UNKNOWN,
        "credits": 70,
        "key": "“Studio” …1234",
        "sent_at": SENT,
        "since": SENT + timedelta(seconds=30),
        "cause": ReviewCause.BROKEN_OFF,
        "cause_data": {"error": "ReadTimeout"},
        "before": BEFORE,
        "next_sample_at": SOON,
    }
    return Evidence(**{**known, **more})


def proposal(**more: Any) -> Proposal:
    known = {"upstream_id": "task-7", "received_at": SENT + timedelta(minutes=1), "is_open": True}
    return Proposal(**{**known, **more})


@pytest.mark.parametrize(
    ("more", "action", "words"),
    [
        ({}, Action.WAIT, "No evidence yet"),
        ({"after": AFTER}, Action.WAIT, "No evidence yet"),
        ({"proposals": [proposal()]}, Action.WAIT, "the task task-7. We are checking it"),
        ({"proposals": [proposal(checks=3)]}, Action.WAIT, "Unclear answers so far: 3."),
        ({"proposals": [proposal(is_open=False)]}, Action.WAIT, "No evidence yet"),
        ({"moved": "It moved."}, Action.ADOPT, "by exactly its 70 credits"),
        ({"moved": "It moved.", "alternatives": 3}, Action.ADOPT, "this or another of 3"),
        ({"moved": "It moved.", "together": 2}, Action.ADOPT, "what 2 unconfirmed films cost"),
        ({"still": "It stood."}, Action.RELEASE, "did not rise by its 70 credits"),
        ({"moved": "It moved.", "still": "It stood."}, Action.ADOPT, "by exactly its 70 credits"),
        ({"next_sample_at": None}, Action.DECIDE, "the key's usage is not read"),
        ({"before": None}, Action.DECIDE, "The usage was not read before"),
        (
            {"after": UsageReading(SOON, None, None)},
            Action.DECIDE,
            "reports no usage for this key",
        ),
        ({"moved": "It moved.", "proposals": [proposal()]}, Action.WAIT, "We are checking it"),
    ],
)
def test_p13_a_lost_submit_is_advised_by_its_evidence(
    more: dict[str, Any], action: Action, words: str
) -> None:
    advice = advise(evidence(**more), now=SOON)
    assert (advice.action, words in advice.words) == (action, True), advice


@pytest.mark.parametrize(
    ("hours", "unclear", "action", "words"),
    [
        (1, 0, Action.WAIT, "says it is still rendering"),
        (1, 4, Action.WAIT, "last 4 answers about it were unclear"),
        (49, 0, Action.DECIDE, "No result for 2 days"),
    ],
)
def test_p13_a_silent_one_waits_for_the_vendors_word(
    hours: int, unclear: int, action: Action, words: str
) -> None:
    silent = evidence(
        reason=ReviewReason.SILENT, upstream_id="task-7", unclear=unclear, next_poll_at=SOON
    )
    advice = advise(silent, now=silent.since + timedelta(hours=hours))
    assert (advice.action, advice.next_look, words in advice.words) == (action, SOON, True), advice


def test_f17_p13_what_could_not_be_recorded_waits_however_long() -> None:
    stuck = evidence(reason=ReviewReason.UNRECORDED, upstream_id="task-7", next_poll_at=SOON)
    for days in (0, 9):
        advice = advise(stuck, now=stuck.since + timedelta(days=days))
        assert (advice.action, advice.next_look) == (Action.WAIT, SOON)
    assert evidence_timeline(stuck)[-1].what == "Checked"


def test_p13_nothing_but_a_still_meter_advises_to_give_credits_back() -> None:
    for more in ({}, {"proposals": [proposal(is_open=False)] * 50}, {"after": AFTER}):
        for reason in ReviewReason:
            assert advise(evidence(reason=reason, **more), now=SOON).action != Action.RELEASE


def test_the_story_is_told_in_its_order() -> None:
    facts = evidence_timeline(
        evidence(
            proposals=[proposal(sent_from="10.0.0.1"), proposal(is_open=False)],
            after=AFTER,
            moved="It moved.",
        )
    )
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)
    assert [fact.what for fact in facts] == [
        "Usage before",
        "Sent to the vendor",
        "Answer lost",
        "Callback from 10.0.0.1",
        "Callback",
        "Usage after",
        "What it means",
    ]
    assert facts[2].detail == "The connection broke before the whole answer came (ReadTimeout)."
    assert "Names the task task-7. Being checked." in facts[3].detail
    assert "not this film's" in facts[4].detail
    assert facts[5].detail.startswith("The vendor reports 170 consumed, 830 left.")


@pytest.mark.parametrize(
    ("cause", "data", "words"),
    [
        (
            ReviewCause.NO_ENVELOPE,
            {"status": 502},
            "Something answered HTTP 502 in the vendor's place.",
        ),
        (ReviewCause.WORKER_STOPPED, {}, "The worker stopped while submitting."),
    ],
)
def test_the_story_says_how_it_was_lost(
    cause: ReviewCause, data: dict[str, Any], words: str
) -> None:
    told = evidence(
        cause=cause,
        cause_data=data,
        cause_words="The worker stopped while submitting.",
        before=None,
    )
    assert evidence_timeline(told)[1].detail == words


@pytest.mark.parametrize("cause", [None, ReviewCause.UNCLEAR_ANSWER, ReviewCause.WORKER_STOPPED])
@pytest.mark.parametrize(
    "words", ["No whole answer: ReadTimeout.", "HTTP 502 without the vendor's envelope."]
)
def test_f15_words_are_no_cause(cause: ReviewCause | None, words: str) -> None:
    told = evidence(cause=cause, cause_data={}, cause_words=words, before=None)
    assert evidence_timeline(told)[1].detail == words


def test_the_story_of_a_silent_one_says_how_often_it_was_asked() -> None:
    silent = evidence(reason=ReviewReason.SILENT, upstream_id="task-7", polls=1234, unclear=2)
    last = evidence_timeline(silent)[-1]
    assert (last.what, last.detail) == (
        "Checked",
        "Checks of its task task-7: 1,234. Unclear answers in a row: 2.",
    )
