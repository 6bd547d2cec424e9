"""What the evidence about a generation in review says, and what a person had better do. Pure.

Advice is never acted on automatically: only the vendor's answer and an audited person move
credits (P13).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from generations.lifecycle import ReviewCause, ReviewReason

# A task of this vendor takes minutes; what is silent for so long will hardly end without a person.
LONG_SILENCE = timedelta(hours=24)


class Action(StrEnum):
    """What a person had better do."""

    WAIT = "wait"
    RELEASE = "release"
    ADOPT = "adopt"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True)
class Proposal:
    """An id that a callback proposed. `checks`: how often the vendor gave no clear answer."""

    upstream_id: str
    received_at: datetime
    is_open: bool
    checks: int = 0
    sent_from: str = ""
    next_check_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UsageReading:
    """One sample of the vendor's usage beside our books, in credits."""

    taken_at: datetime
    consumed: int | None
    balance: int | None
    verdict: str = ""

    @property
    def words(self) -> str:
        """Return the figures that the vendor gave."""
        figures = [
            f"{value:,} {name}"
            for name, value in (("consumed", self.consumed), ("left", self.balance))
            if value is not None
        ]
        return ", ".join(figures) or "no figures"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about one generation in review.

    `cause` is why it came there, with `cause_data`, such as an HTTP status, and `cause_words`,
    those of its event. `moved` and `still` are what its usage showed, "" for none; `alternatives`
    counts the generations any one of which explains a move, `together` those that explain it only
    all together. `unclear` counts the vendor's unclear answers in a row.
    """

    reason: ReviewReason
    credits: int
    key: str
    since: datetime
    cause: ReviewCause | None = None
    cause_data: Mapping[str, Any] = field(default_factory=dict)
    cause_words: str = ""
    sent_at: datetime | None = None
    upstream_id: str = ""
    proposals: Sequence[Proposal] = ()
    moved: str = ""
    still: str = ""
    alternatives: int = 1
    together: int = 1
    before: UsageReading | None = None
    after: UsageReading | None = None
    next_sample_at: datetime | None = None
    polls: int = 0
    unclear: int = 0
    next_poll_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, why, and when there will be more evidence; None: never without a person."""

    action: Action
    words: str
    next_look: datetime | None = None


@dataclass(frozen=True, slots=True)
class TimelineFact:
    """One piece of evidence: when, what, and how we know."""

    at: datetime
    what: str
    detail: str = ""


def advise(evidence: Evidence, *, now: datetime) -> Advice:
    """Return what the evidence says."""
    if evidence.reason == ReviewReason.SILENT:
        return _about_silence(evidence, now)
    if evidence.reason == ReviewReason.UNRECORDED:
        words = (
            "The vendor has answered, and may have charged, but its answer could not be recorded "
            "here. An administrator finds the cause in the log. We keep asking; its answer decides."
        )
        return Advice(Action.WAIT, words, evidence.next_poll_at)
    asked = next((one for one in evidence.proposals if one.is_open), None)
    if asked is not None:
        checks = f" Unclear answers so far: {asked.checks}." if asked.checks else ""
        words = f"A callback names the task {asked.upstream_id}. We are checking it.{checks}"
        return Advice(Action.WAIT, words, asked.next_check_at)
    if evidence.moved:
        return _about_risen_usage(evidence)
    if evidence.still:
        words = (
            f"Vendor usage did not rise by its {evidence.credits:,} credits: most likely the "
            "vendor never accepted it. Release the credits."
        )
        return Advice(Action.RELEASE, words)
    return _without_evidence(evidence)


def evidence_timeline(evidence: Evidence) -> list[TimelineFact]:
    """Return the evidence as a timeline, oldest first."""
    facts = []
    if evidence.sent_at is not None:
        sent = f"With the key {evidence.key}, for {evidence.credits:,} credits."
        facts.append(TimelineFact(evidence.sent_at, "Sent to the vendor", sent))
    what = "Answer lost" if evidence.reason == ReviewReason.SUBMIT_UNKNOWN else "Deadline passed"
    facts.append(TimelineFact(evidence.since, what, _cause(evidence)))
    facts += [_from_callback(one) for one in evidence.proposals]
    for look, when in ((evidence.before, "before"), (evidence.after, "after")):
        if look is not None:
            verdict = f" {look.verdict}." if look.verdict and when == "after" else ""
            facts.append(
                TimelineFact(
                    look.taken_at, f"Usage {when}", f"The vendor reports {look.words}.{verdict}"
                )
            )
    facts.sort(key=lambda fact: fact.at)
    last = facts[-1].at
    facts += [
        TimelineFact(last, "What it means", one) for one in (evidence.moved, evidence.still) if one
    ]
    if evidence.reason != ReviewReason.SUBMIT_UNKNOWN:
        facts.append(TimelineFact(last, "Checked", _polled(evidence)))
    return facts


def _about_silence(evidence: Evidence, now: datetime) -> Advice:
    if now - evidence.since > LONG_SILENCE:
        words = (
            f"No result for {(now - evidence.since).days} days, and films take minutes. Ask the "
            f"vendor's support about the task {evidence.upstream_id}, and decide by their answer."
        )
        return Advice(Action.DECIDE, words, evidence.next_poll_at)
    if evidence.unclear:
        last = "answer about it was"
        if evidence.unclear > 1:
            last = f"{evidence.unclear} answers about it were"
        words = f"The vendor's last {last} unclear. We keep asking; its answer decides."
    else:
        words = "The vendor says it is still rendering. We keep asking; its answer decides."
    return Advice(Action.WAIT, words, evidence.next_poll_at)


def _about_risen_usage(evidence: Evidence) -> Advice:
    if evidence.alternatives > 1:
        words = (
            f"Vendor usage rose as this or another of {evidence.alternatives} would explain: one "
            "of them was most likely accepted. Look for their tasks in the vendor's console, and "
            "link the ones that you find."
        )
        return Advice(Action.ADOPT, words)
    size = f"exactly its {evidence.credits:,} credits"
    if evidence.together > 1:
        size = f"exactly what {evidence.together} unconfirmed films cost, this one included"
    words = (
        f"Vendor usage rose by {size}: most likely the vendor accepted and charged it. Find its "
        "task in the vendor's console and link it; if there is none, mark the credits as spent."
    )
    return Advice(Action.ADOPT, words)


def _without_evidence(evidence: Evidence) -> Advice:
    if evidence.next_sample_at is None:
        words = (
            "No evidence, and the key's usage is not read. Look in the vendor's console for a "
            "task from that time."
        )
        return Advice(Action.DECIDE, words)
    if evidence.after is not None and evidence.after.consumed is evidence.after.balance is None:
        words = (
            "The vendor reports no usage for this key. Look in the vendor's console for a "
            "task from that time."
        )
        return Advice(Action.DECIDE, words)
    if evidence.before is None:
        words = (
            "The usage was not read before it was sent, so no sample can prove anything. Look in "
            "the vendor's console for a task from that time."
        )
        return Advice(Action.DECIDE, words, evidence.next_sample_at)
    words = "No evidence yet. The next reading of the vendor's usage may bring some."
    return Advice(Action.WAIT, words, evidence.next_sample_at)


def _from_callback(proposal: Proposal) -> TimelineFact:
    where = f" from {proposal.sent_from}" if proposal.sent_from else ""
    if not proposal.is_open:
        verdict = "It is not this film's."
    elif proposal.checks:
        verdict = f"Being checked. Unclear answers so far: {proposal.checks}."
    else:
        verdict = "Being checked."
    return TimelineFact(
        proposal.received_at,
        f"Callback{where}",
        f"Names the task {proposal.upstream_id}. {verdict}",
    )


def _polled(evidence: Evidence) -> str:
    unclear = f" Unclear answers in a row: {evidence.unclear}." if evidence.unclear else ""
    return f"Checks of its task {evidence.upstream_id}: {evidence.polls:,}.{unclear}"


def _cause(evidence: Evidence) -> str:
    """Return why it came into review in words for people."""
    data = evidence.cause_data
    if evidence.cause == ReviewCause.BROKEN_OFF:
        return f"The connection broke before the whole answer came ({data.get('error')})."
    if evidence.cause == ReviewCause.NO_ENVELOPE:
        return f"Something answered HTTP {data.get('status')} in the vendor's place."
    return evidence.cause_words
