"""Open, grow and close drifts: where a key's meter and our books came apart.

Nothing here moves money: only the vendor's word or an audited person does.
"""

from datetime import datetime

import structlog
from django.db import transaction

from accounts.audit import record
from accounts.authority import By
from generations.models import Drift, MeterSample
from generations.models.meter import GROWING
from generations.reconciliation.compare import Explanation
from generations.selectors import require_provider_key
from platform_site.errors import Conflict, InvalidRequest

log = structlog.get_logger(__name__)
SYSTEM = By.system("meter")


def close_made_good(sample: MeterSample, explanation: Explanation) -> None:
    """Close the open drifts that a move of the meter the other way took back."""
    drifts = Drift.objects.filter(provider_key=sample.provider_key, closed_at=None)
    for drift in drifts.filter(pk__in=explanation.candidates):
        _close(drift, explanation.detail, SYSTEM, sample.taken_at)
        log.info("drift_closed", drift=drift.pk, credits=drift.credits)


def open_drift(
    sample: MeterSample, level: MeterSample, explanation: Explanation, credits: int
) -> Drift:
    """Open a drift for a confirmed step, or let the open one of its kind grow."""
    key = sample.provider_key
    drift = None
    if explanation.verdict in GROWING:
        same = Drift.objects.filter(provider_key=key, closed_at=None, verdict=explanation.verdict)
        drift = same.first()
    if drift is None:
        drift = Drift(
            provider_key=key,
            since=level.taken_at,
            opened_at=sample.taken_at,
            credits=0,
            verdict=explanation.verdict,
        )
    drift.credits += credits
    drift.seen_at = sample.taken_at
    drift.detail = explanation.detail[:500]
    drift.candidates = list(explanation.candidates)
    drift.save()
    log.error(
        "meter_drift",
        provider_key=key.pk,
        credits=drift.credits,
        verdict=drift.verdict,
        candidates=drift.candidates,
    )
    return drift


@transaction.atomic
def accept_drift(drift: Drift, *, by: By, reason: str, now: datetime) -> None:
    """Close a drift that a person has looked into. Later drifts count from here.

    Raises `PermissionDenied` for who may not manage its key, `InvalidRequest` without a reason and
    `Conflict` when it is closed already.
    """
    require_provider_key(by, drift.provider_key)
    if not reason.strip():
        raise InvalidRequest("Accepting a drift needs a reason.", field="reason")
    if not _close(drift, reason.strip()[:500], by, now):
        raise Conflict("This drift is closed already.")
    record(
        by=by,
        action="drift.accepted",
        team=drift.provider_key.team,
        subject=f"drift:{drift.pk}",
        reason=reason,
        credits=drift.credits,
        verdict=drift.verdict,
    )


def _close(drift: Drift, closing: str, by: By, now: datetime) -> bool:
    closed = Drift.objects.filter(pk=drift.pk, closed_at=None).update(
        closed_at=now, closed_by=by.name, closing=closing
    )
    drift.refresh_from_db()
    return bool(closed)
