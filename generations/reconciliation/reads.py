"""Reads for comparing the vendor's usage with our books: sums, suspects, samples, discrepancies."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Max, Q, QuerySet, Sum

from accounts.models import Team
from billing.models import Rate
from generations.catalog import durations_of
from generations.lifecycle import IN_FLIGHT, TERMINAL, Ending, ReviewReason, State
from generations.models import Discrepancy, Generation, ProviderKey, UsageSample, VideoModel
from generations.reconciliation.compare import Cost, Standing, Sums, Suspects

# Goodwill comes late: a completed generation may still be refunded for so long.
_REFUND_AFTER = timedelta(days=30)
_MOST_SUSPECTS = 100
_SOUND = {True: "with audio", False: "without audio"}


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """One key as `reconcile` and the pages show it: its last sample and what is unexplained."""

    provider_key: ProviderKey
    samples: int
    sample: UsageSample | None
    discrepancies: list[Discrepancy]


_HAS_ID = Q(upstream_id__isnull=False)
_FREE = Q(state__in=TERMINAL, hold__adjusted=-F("hold__settled"))
_PAID = Q(hold__adjusted__gt=-F("hold__settled"))


def sums_of(provider_key: ProviderKey) -> Sums:
    """Return what our books say about the key's generations, at this moment."""
    asked = Q(upstream_id=None, state__in=[State.SUBMITTING, State.NEEDS_REVIEW])
    # Without an id, only a person can have decided that the vendor charged.
    conditions = {
        "charged": _HAS_ID | _PAID,
        "refunded": _HAS_ID & _FREE,
        "in_flight": _HAS_ID & ~Q(state__in=TERMINAL),
        "unknown": asked,
    }
    sums = Generation.objects.filter(provider_key=provider_key).aggregate(
        submitting=Count("pk", filter=Q(state=State.SUBMITTING)),
        **{name: Sum("credits", filter=which, default=0) for name, which in conditions.items()},
    )
    return Sums(**sums)


def suspects_between(provider_key: ProviderKey, since: datetime, until: datetime) -> Suspects:
    """Return what a discrepancy of the key between two samples may come from."""
    during = (since, until)
    generations = Generation.objects.filter(provider_key=provider_key)
    doubted = Q(state=State.NEEDS_REVIEW, review_reason=ReviewReason.SUBMIT_UNKNOWN) | (
        _FREE & Q(ending=Ending.DECIDED_IN_REVIEW)
    )
    return Suspects(
        unknown=_costs(generations.filter(doubted, upstream_id=None, submitted_at__range=during)),
        failed=_costs(generations.filter(_HAS_ID & _FREE, ended_at__range=during)),
        settled=_costs(
            generations.filter(_HAS_ID & _PAID, ended_at__range=(until - _REFUND_AFTER, until))
        ),
        accepted=_costs(generations.filter(_HAS_ID & ~_FREE, accepted_at__range=during)),
        siblings=_siblings(provider_key, during),
        discrepancies=_open_of(provider_key),
        prices=_prices(until),
    )


def unknown_submits_between(
    provider_key: ProviderKey, since: datetime, until: datetime
) -> list[Generation]:
    """Return the key's generations in review whose submit, in that time, nobody confirmed."""
    return list(
        Generation.objects.filter(
            provider_key=provider_key,
            state=State.NEEDS_REVIEW,
            review_reason=ReviewReason.SUBMIT_UNKNOWN,
            upstream_id=None,
            submitted_at__range=(since, until),
        )
    )


def is_busy(provider_key: ProviderKey, since: datetime) -> bool:
    """Return whether the key has work in flight, or had some after `since`."""
    recently = Q(accepted_at__gte=since) | Q(submitted_at__gte=since) | Q(ended_at__gte=since)
    own = Generation.objects.filter(provider_key=provider_key)
    return own.filter(Q(state__in=IN_FLIGHT) | recently).exists()


def standing_of(sample: UsageSample) -> Standing:
    """Return a sample's figures to be compared."""
    return Standing(
        taken_at=sample.taken_at,
        balance=sample.balance,
        purchased=sample.total_purchased,
        consumed=sample.total_consumed,
        charged=sample.charged,
        refunded=sample.refunded,
        in_flight=sample.in_flight,
        unknown=sample.unknown,
        stable=sample.stable,
    )


def last_sample(provider_key: ProviderKey) -> UsageSample | None:
    """Return the key's newest sample."""
    return UsageSample.objects.filter(provider_key=provider_key).first()


def last_baseline(provider_key: ProviderKey) -> UsageSample | None:
    """Return the sample that the key's next one is measured from."""
    return UsageSample.objects.filter(provider_key=provider_key, is_baseline=True).first()


def open_discrepancies(team: Team | None = None) -> QuerySet[Discrepancy]:
    """Return the discrepancies that nobody explained yet, newest first, of one team or of all."""
    discrepancies = Discrepancy.objects.filter(closed_at=None).select_related("provider_key__team")
    return discrepancies if team is None else discrepancies.filter(provider_key__team=team)


def standings(team: Team | None = None) -> list[KeyStanding]:
    """Return how the usage of each key stands, of one team or of all: three queries.

    A deleted key is left out once nothing about it is unexplained.
    """
    discrepancies: defaultdict[int, list[Discrepancy]] = defaultdict(list)
    for discrepancy in open_discrepancies(team):
        discrepancies[discrepancy.provider_key_id].append(discrepancy)
    keys = ProviderKey.objects.exclude(
        ~Q(pk__in=list(discrepancies)), state=ProviderKey.State.SEALED
    ).select_related("team")
    if team is not None:
        keys = keys.filter(team=team)
    found = list(keys.annotate(count=Count("samples"), newest=Max("samples__pk")))
    samples = UsageSample.objects.in_bulk([key.newest for key in found if key.newest])
    return [
        KeyStanding(key, key.count, samples.get(key.newest), discrepancies[key.pk]) for key in found
    ]


def _costs(generations: QuerySet[Generation]) -> list[Cost]:
    return [
        Cost(
            id=str(one.pk),
            credits=one.credits,
            seconds=one.duration,
            rate=one.credits_per_second,
            group=f"{one.model} {one.resolution} {_SOUND[one.generate_audio]}",
        )
        for one in generations[:_MOST_SUSPECTS]
    ]


def _siblings(provider_key: ProviderKey, during: tuple[datetime, datetime]) -> list[Cost]:
    """Return what each other key at the same endpoint spent; a vendor's account may have many."""
    others = Generation.objects.filter(_HAS_ID, provider_key__endpoint=provider_key.endpoint)
    rows = (
        others.exclude(provider_key=provider_key)
        .order_by()
        .values("provider_key")
        .annotate(
            charged=Sum("credits", filter=Q(accepted_at__range=during), default=0),
            refunded=Sum("credits", filter=_FREE & Q(ended_at__range=during), default=0),
        )
    )
    return [
        Cost(id=str(row["provider_key"]), credits=row["charged"] - row["refunded"])
        for row in rows
        if row["charged"] > row["refunded"]
    ]


def _open_of(provider_key: ProviderKey) -> list[Cost]:
    discrepancies = Discrepancy.objects.filter(provider_key=provider_key, closed_at=None).order_by(
        "id"
    )
    return [Cost(id=str(one.pk), credits=one.credits) for one in discrepancies]


def _prices(at: datetime) -> frozenset[int]:
    """Return every price in credits that one generation can have."""
    spans = {model.name: durations_of(model) for model in VideoModel.objects.all()}
    rates = Rate.objects.filter(effective_from__lte=at)
    return frozenset(
        rate.credits_per_second * seconds
        for rate in rates
        for seconds in spans.get(rate.model, range(0))
    )
