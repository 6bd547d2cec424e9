"""Sample the vendor's usage of each provider key and say where it and our books come apart (P20).

A sample is evidence, never a decision: it opens a discrepancy and leaves remarks on generations in
review, and the money stays where it is.
"""

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.authority import By
from generations.lifecycle import EventKind
from generations.models import Generation, GenerationEvent, ProviderKey, UsageSample
from generations.models.usage_sample import UsageVerdict
from generations.provider_keys import client_for
from generations.reconciliation.compare import (
    Change,
    Cost,
    Explanation,
    Judgement,
    Standing,
    Sums,
    explain,
    judge,
    still_unknown,
)
from generations.reconciliation.discrepancies import close_made_good, open_discrepancy
from generations.reconciliation.reads import (
    is_busy,
    last_baseline,
    last_sample,
    standing_of,
    sums_of,
    suspects_between,
    unknown_submits_between,
)
from generations.transitions import record_event
from generations.vendors import CreditsReport, ProviderError

log = structlog.get_logger(__name__)
SYSTEM = By.system("usage")

OFTEN = timedelta(minutes=3)
SELDOM = timedelta(hours=1)
USAGE_SETTLES_WITHIN = timedelta(seconds=30)
# A key counts as active for so long after its last generation; two samples can then confirm what it
# did.
ACTIVE = timedelta(minutes=15)
KEEP_SAMPLES = timedelta(days=30)


def sample_by(provider_key_id: int, *, at: datetime) -> None:
    """Have a key sampled at `at` at the latest: a submit was lost, and its usage is evidence."""
    later = ProviderKey.objects.filter(pk=provider_key_id, next_sample_at__gt=at)
    later.exclude(secret_token="").update(next_sample_at=at)


def sample_usage(provider_key_id: int) -> None:
    """Sample one key's usage, unless its secret was wiped meanwhile."""
    key = ProviderKey.objects.filter(pk=provider_key_id).exclude(secret_token="").first()
    if key is not None:
        take_sample(key, now=timezone.now())


def take_sample(provider_key: ProviderKey, *, now: datetime) -> UsageSample | None:
    """Read the usage, freeze our sums beside it, and judge both.

    None when the vendor gave no clear answer, or a sum that is none, which changes only when to
    look again, or when another sample of the key was taken meanwhile.
    """
    before = sums_of(provider_key)
    report, problem = _read_usage(provider_key)
    if report is None:
        log.warning("usage_not_read", provider_key=provider_key.pk, problem=problem)
        _look_again(provider_key, now + _pause(provider_key, now))
        return None
    # Summed before the transaction: it reads every generation of the key, and writers would wait.
    after = sums_of(provider_key)
    with transaction.atomic():
        # Of two runs of one task, the second finds the time moved on, and leaves.
        if not _look_again(provider_key, now + OFTEN):
            return None
        sample = _record(provider_key, report, before, after, now)
        if sample.verdict != UsageVerdict.WAITING:
            _look_again(provider_key, now + _pause(provider_key, now))
    return sample


def prune_samples(*, now: datetime) -> int:
    """Delete old samples but each key's last baseline; return how many."""
    old = UsageSample.objects.filter(taken_at__lt=now - KEEP_SAMPLES)
    keys = ProviderKey.objects.filter(samples__in=old).distinct()
    kept = [baseline.pk for key in keys if (baseline := last_baseline(key))]
    return old.exclude(pk__in=kept).delete()[0]


def _read_usage(provider_key: ProviderKey) -> tuple[CreditsReport | None, str]:
    """Return what the vendor reports, or None and why that is nothing to compare."""
    try:
        report = client_for(provider_key).get_credits()
    except ProviderError as error:
        return None, error.message
    # A sum that cannot be read is none, and no zero either.
    return (None, report.problem) if report.problem else (report, "")


def _pause(provider_key: ProviderKey, now: datetime) -> timedelta:
    return OFTEN if is_busy(provider_key, now - ACTIVE) else SELDOM


def _look_again(provider_key: ProviderKey, at: datetime) -> bool:
    """Move the key's next sample, unless somebody else did; the row count is believed."""
    expected = ProviderKey.objects.filter(
        pk=provider_key.pk, next_sample_at=provider_key.next_sample_at
    )
    provider_key.next_sample_at = at
    return bool(expected.update(next_sample_at=at))


def _record(
    key: ProviderKey, report: CreditsReport, before: Sums, after: Sums, now: datetime
) -> UsageSample:
    latest = Standing(
        taken_at=now,
        balance=report.balance,
        purchased=report.total_purchased,
        consumed=report.total_consumed,
        charged=after.charged,
        refunded=after.refunded,
        in_flight=after.in_flight,
        unknown=after.unknown,
        stable=before == after and not after.submitting,
    )
    baseline, previous = last_baseline(key), last_sample(key)
    judgement = judge(
        standing_of(baseline) if baseline else None,
        standing_of(previous) if previous else None,
        latest,
    )
    explanation = _explanation(key, judgement, baseline, latest)
    sample = UsageSample.objects.create(
        provider_key=key,
        taken_at=now,
        balance=latest.balance,
        total_purchased=latest.purchased,
        total_consumed=latest.consumed,
        charged=latest.charged,
        refunded=latest.refunded,
        in_flight=latest.in_flight,
        unknown=latest.unknown,
        stable=latest.stable,
        is_baseline=judgement.is_baseline,
        discrepancy=judgement.change.discrepancy,
        reading=judgement.change.reading,
        verdict=explanation.verdict if explanation else judgement.verdict,
    )
    if baseline is not None and judgement.is_baseline:
        _act(sample, baseline, judgement.change, explanation)
    return sample


def _explanation(
    key: ProviderKey, judgement: Judgement, baseline: UsageSample | None, latest: Standing
) -> Explanation | None:
    if baseline is None or not judgement.is_baseline or not judgement.change.discrepancy:
        return None
    return explain(judgement.change, suspects_between(key, baseline.taken_at, latest.taken_at))


def _act(
    sample: UsageSample, baseline: UsageSample, change: Change, explanation: Explanation | None
) -> None:
    """Show a confirmed change: discrepancies, and what it shows of the generations in review."""
    unknown = unknown_submits_between(sample.provider_key, baseline.taken_at, sample.taken_at)
    span = f"between {baseline.taken_at:%H:%M:%S} and {sample.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    moved: tuple[str, ...] = ()
    if explanation is not None:
        match explanation.verdict:
            case UsageVerdict.WENT_BACK:
                log.warning("usage_went_back", provider_key=sample.provider_key_id)
                return
            case UsageVerdict.MADE_GOOD:
                close_made_good(sample, explanation)
            case UsageVerdict.UNKNOWN_SUBMIT:
                moved = explanation.candidates
                open_discrepancy(sample, baseline, explanation, change.discrepancy or 0)
            case _:
                open_discrepancy(sample, baseline, explanation, change.discrepancy or 0)
    for generation in unknown:
        if str(generation.pk) in moved:
            words = f"Vendor usage rose by {change.discrepancy} credits {span}"
            _record_once(
                generation, EventKind.USAGE_MOVED, f"{words}{_shared(generation, change, moved)}."
            )
    sizes = [Cost(id=str(one.pk), credits=one.credits) for one in unknown]
    still = {one.id for one in still_unknown(change, standing_of(sample), sizes)}
    for generation in unknown:
        if str(generation.pk) in still:
            words = f"Vendor usage did not rise by its {generation.credits} credits {span}."
            _record_once(generation, EventKind.USAGE_STILL, words)


def _shared(generation: Generation, change: Change, moved: tuple[str, ...]) -> str:
    """Say with which others a generation explains a change; candidates of its size are rivals."""
    if len(moved) < 2:
        return ""
    if change.discrepancy == generation.credits:
        return f", as this or another of {len(moved)} would explain"
    return f", as this and {len(moved) - 1} more would explain together"


def _record_once(generation: Generation, kind: EventKind, message: str) -> None:
    if not GenerationEvent.objects.filter(generation=generation, kind=kind).exists():
        record_event(generation, kind, by=SYSTEM, message=message)
