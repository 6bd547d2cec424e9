"""Open, grow and close discrepancies: where a key's usage and our books came apart.

Nothing here moves money: only the vendor's answer or an audited person does.
"""

from datetime import datetime

import structlog
from django.db import transaction

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction
from generations.models import Discrepancy, UsageSample
from generations.models.usage_sample import GROWING
from generations.reconciliation.compare import Explanation
from generations.selectors import require_provider_key
from platform_site.errors import Conflict, InvalidRequest
from platform_site.text.visible import typed_reason

log = structlog.get_logger(__name__)
SYSTEM = By.system("usage")


def close_made_good(sample: UsageSample, explanation: Explanation) -> None:
    """Close the open discrepancies that a change of the usage the other way took back."""
    discrepancies = Discrepancy.objects.filter(provider_key=sample.provider_key, closed_at=None)
    for discrepancy in discrepancies.filter(pk__in=explanation.candidates):
        _close(discrepancy, explanation.detail, SYSTEM, sample.taken_at)
        log.info("discrepancy_closed", discrepancy=discrepancy.pk, credits=discrepancy.credits)


def open_discrepancy(
    sample: UsageSample, baseline: UsageSample, explanation: Explanation, credits: int
) -> Discrepancy:
    """Open a discrepancy for a confirmed change, or let the open one of its kind grow."""
    key = sample.provider_key
    discrepancy = None
    if explanation.verdict in GROWING:
        same = Discrepancy.objects.filter(
            provider_key=key, closed_at=None, verdict=explanation.verdict
        )
        discrepancy = same.first()
    if discrepancy is None:
        discrepancy = Discrepancy(
            provider_key=key,
            since=baseline.taken_at,
            opened_at=sample.taken_at,
            credits=0,
            verdict=explanation.verdict,
        )
    discrepancy.credits += credits
    discrepancy.seen_at = sample.taken_at
    discrepancy.detail = explanation.detail[:500]
    discrepancy.candidates = list(explanation.candidates)
    discrepancy.save()
    log.error(
        "usage_discrepancy",
        provider_key=key.pk,
        credits=discrepancy.credits,
        verdict=discrepancy.verdict,
        candidates=discrepancy.candidates,
    )
    return discrepancy


@transaction.atomic
def accept_discrepancy(discrepancy: Discrepancy, *, by: By, reason: str, now: datetime) -> None:
    """Close a discrepancy that a person has looked into. Later discrepancies count from here.

    Raises `PermissionDenied` for who may not manage its key, `InvalidRequest` without a reason and
    `Conflict` when it is closed already.
    """
    require_provider_key(by, discrepancy.provider_key)
    reason = typed_reason(reason)
    if not reason:
        raise InvalidRequest("Enter a reason.", field="reason")
    if not _close(discrepancy, reason, by, now):
        raise Conflict("This discrepancy is closed already.")
    record(
        by=by,
        action=AuditAction.DISCREPANCY_ACCEPTED,
        team=discrepancy.provider_key.team,
        subject=discrepancy,
        reason=reason,
        credits=discrepancy.credits,
        verdict=discrepancy.verdict,
    )


def _close(discrepancy: Discrepancy, closing: str, by: By, now: datetime) -> bool:
    closed = Discrepancy.objects.filter(pk=discrepancy.pk, closed_at=None).update(
        closed_at=now, closed_by=by.name, closing=closing
    )
    discrepancy.refresh_from_db()
    return bool(closed)
