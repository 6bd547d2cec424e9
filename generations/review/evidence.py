"""Reads for review: which generations wait for the vendor or a person, and what is known."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from accounts.models import Membership, Team
from accounts.roles import Permission, role_allows
from generations.lifecycle import Ending, EventKind, ReviewCause, ReviewReason, State
from generations.models import (
    CallbackReceipt,
    Discrepancy,
    Generation,
    GenerationEvent,
    UsageSample,
)
from generations.models.usage_sample import UsageVerdict
from generations.review.advice import (
    Advice,
    Evidence,
    Proposal,
    TimelineFact,
    UsageReading,
    advise,
    evidence_timeline,
)


@dataclass(frozen=True, slots=True)
class Review:
    """One generation in review, with its evidence and what that says."""

    generation: Generation
    evidence: Evidence
    advice: Advice
    timeline: list[TimelineFact]


def in_review(team: Team | None = None) -> QuerySet[Generation]:
    """Return the generations in review, of one team or of all, longest first."""
    rows = Generation.objects.filter(state=State.NEEDS_REVIEW)
    if team is not None:
        rows = rows.filter(team=team)
    return rows.select_related("team", "user", "provider_key", "hold").order_by("created_at", "id")


def in_review_for(membership: Membership) -> QuerySet[Generation]:
    """Return what the member sees in review: the team's for who decides, else their own."""
    rows = in_review(membership.team)
    return rows if decides_reviews(membership) else rows.filter(user=membership.user_id)


def decides_reviews(membership: Membership) -> bool:
    """Return whether the member decides about the team's generations in review."""
    return role_allows(membership.role, Permission.APPROVE)


def decided_lately(membership: Membership) -> QuerySet[Generation]:
    """Return what people decided in review, newest first, as far as the member sees it."""
    rows = Generation.objects.filter(team=membership.team, ending=Ending.DECIDED_IN_REVIEW)
    if not decides_reviews(membership):
        rows = rows.filter(user=membership.user_id)
    return rows.select_related("user", "hold", "film").order_by("-ended_at")


def untold_since(since: datetime) -> QuerySet[Generation]:
    """Return what has been in review since before `since` without anybody being notified of it."""
    began = _reviews().order_by("-id")
    told = GenerationEvent.objects.filter(
        generation=OuterRef("pk"), kind=EventKind.REVIEW_TOLD, id__gt=OuterRef("began")
    )
    rows = in_review().annotate(
        began=Subquery(began.values("id")[:1]), since=Subquery(began.values("at")[:1])
    )
    return rows.filter(since__lte=since).exclude(Exists(told))


def reviews_of(generations: Sequence[Generation], *, now: datetime) -> list[Review]:
    """Return each generation with its evidence, in a fixed number of queries."""
    found = evidence_of(generations)
    return [
        Review(one, found[one.pk], advise(found[one.pk], now=now), evidence_timeline(found[one.pk]))
        for one in generations
    ]


def evidence_of(generations: Sequence[Generation]) -> dict[UUID, Evidence]:
    """Return what is known about each of the generations, all of them in review."""
    ids = [one.pk for one in generations]
    told, looks = _events(ids), _looks(ids)
    proposals, causes = _proposals(ids), _causes(generations)
    found = {}
    for one in generations:
        events = told[one.pk]
        began = events.get(EventKind.MOVED)
        key = one.provider_key
        found[one.pk] = Evidence(
            reason=ReviewReason(one.review_reason or ReviewReason.SUBMIT_UNKNOWN),
            credits=one.credits,
            key=f"“{key.label}” …{key.last4}",
            since=began.at if began else one.created_at,
            cause=ReviewCause(began.cause) if began and began.cause else None,
            cause_data=began.data if began else {},
            cause_words=began.message if began else "",
            sent_at=one.submitted_at,
            upstream_id=one.upstream_id or "",
            proposals=proposals[one.pk],
            moved=events[EventKind.USAGE_MOVED].message if EventKind.USAGE_MOVED in events else "",
            still=events[EventKind.USAGE_STILL].message if EventKind.USAGE_STILL in events else "",
            alternatives=causes.get(one.pk, (1, 1))[0],
            together=causes.get(one.pk, (1, 1))[1],
            before=looks[one.pk][0],
            after=looks[one.pk][1],
            next_sample_at=key.next_sample_at,
            polls=one.polls,
            unclear=one.poll_failures,
            next_poll_at=one.next_poll_at,
        )
    return found


def _reviews() -> QuerySet[GenerationEvent]:
    return GenerationEvent.objects.filter(
        generation=OuterRef("pk"), kind=EventKind.MOVED, to_state=State.NEEDS_REVIEW
    )


def _events(ids: Sequence[UUID]) -> defaultdict[UUID, dict[str, GenerationEvent]]:
    """Return each generation's newest move into review and events of its usage, by kind."""
    rows = GenerationEvent.objects.filter(generation__in=ids)
    moved = rows.filter(kind=EventKind.MOVED, to_state=State.NEEDS_REVIEW)
    newest: defaultdict[UUID, dict[str, GenerationEvent]] = defaultdict(dict)
    for event in (
        moved | rows.filter(kind__in=[EventKind.USAGE_MOVED, EventKind.USAGE_STILL])
    ).order_by("id"):
        newest[event.generation_id][event.kind] = event
    return newest


def _proposals(ids: Sequence[UUID]) -> defaultdict[UUID, list[Proposal]]:
    found: defaultdict[UUID, list[Proposal]] = defaultdict(list)
    rows = CallbackReceipt.objects.filter(generation__in=ids)
    verdicts = [CallbackReceipt.Verdict.PROPOSED, CallbackReceipt.Verdict.REJECTED]
    for receipt in rows.filter(verdict__in=verdicts).order_by("id"):
        found[receipt.generation_id].append(
            Proposal(
                upstream_id=receipt.proposed_id,
                received_at=receipt.received_at,
                is_open=receipt.verdict == CallbackReceipt.Verdict.PROPOSED,
                checks=receipt.checks,
                sent_from=receipt.sent_from,
                next_check_at=receipt.next_check_at,
            )
        )
    return found


def _causes(generations: Sequence[Generation]) -> dict[UUID, tuple[int, int]]:
    """Return of how many generations each one may be the cause, alone or together, of a
    discrepancy.
    """
    discrepancies = Discrepancy.objects.filter(
        provider_key__in={one.provider_key_id for one in generations},
        verdict=UsageVerdict.UNKNOWN_SUBMIT,
        closed_at=None,
    ).order_by("id")
    named = {text: discrepancy for discrepancy in discrepancies for text in discrepancy.candidates}
    return {
        # A discrepancy of just its size is one candidate's; any other is that of all together.
        one.pk: (count, 1) if discrepancy.credits == one.credits else (1, count)
        for one in generations
        if (discrepancy := named.get(str(one.pk))) and (count := len(discrepancy.candidates))
    }


def _looks(ids: Sequence[UUID]) -> dict[UUID, tuple[UsageReading | None, UsageReading | None]]:
    """Return the last sample that counted before each submit, and the newest one after it."""
    samples = UsageSample.objects.filter(provider_key=OuterRef("provider_key"))
    before = samples.filter(taken_at__lte=OuterRef("submitted_at"), is_baseline=True).order_by(
        "-id"
    )
    after = samples.filter(taken_at__gt=OuterRef("submitted_at")).order_by("-id")
    rows = list(
        Generation.objects.filter(pk__in=ids)
        .order_by()
        .values_list("pk", Subquery(before.values("pk")[:1]), Subquery(after.values("pk")[:1]))
    )
    known = UsageSample.objects.in_bulk({pk for row in rows for pk in row[1:] if pk})
    shown = {
        pk: UsageReading(one.taken_at, one.total_consumed, one.balance, one.get_verdict_display())
        for pk, one in known.items()
    }
    return {pk: (shown.get(first), shown.get(last)) for pk, first, last in rows}
