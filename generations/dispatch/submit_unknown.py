"""What makes a submit unknown: an answer that is not clear, or a worker that died around its POST.

Such a generation may have been accepted, and charged: it is parked in review, with its hold, and is
never sent again (P22). What each answer of a vendor proves is in `generations/vendors/base.py`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.authority import By
from generations.callbacks import check_callback_step
from generations.lifecycle import ReviewCause, ReviewReason, State
from generations.models import CallbackReceipt, Generation
from generations.reconciliation import USAGE_SETTLES_WITHIN, sample_by
from generations.transitions import transition
from generations.vendors import SUBMIT_SECONDS, ProviderUnclear

log = structlog.get_logger(__name__)

# A process that was stopped between its claim and its POST does not post when it goes on later: by
# then people may have decided that nothing was sent.
POST_WITHIN = timedelta(seconds=30)
# A row that is `submitting` for longer than any POST can last has lost its worker.
STALE_AFTER = POST_WITHIN + timedelta(seconds=SUBMIT_SECONDS)


def mark_unclear(generation: Generation, error: ProviderUnclear) -> bool:
    """Park a generation whose POST was answered unclearly, or not to the end."""
    log.warning(
        "submit_unclear",
        generation_id=str(generation.id),
        problem=error.message,
        said=error.said,
    )
    facts = {"status": error.status, "error": error.error}
    return mark_submit_unknown(
        generation,
        cause=ReviewCause(error.cause),
        data={name: value for name, value in facts.items() if value},
        message=error.message,
        by=By.system("submit"),
    )


def mark_submit_unknown(
    generation: Generation,
    *,
    cause: ReviewCause,
    message: str,
    by: By,
    data: Mapping[str, Any] | None = None,
) -> bool:
    """Park a generation that may have been accepted, with its hold, until there is evidence."""
    doubted = transition(
        generation,
        State.NEEDS_REVIEW,
        by=by,
        message=message,
        cause=cause,
        data=data,
        review_reason=ReviewReason.SUBMIT_UNKNOWN,
    )
    if doubted:
        sample_by(generation.provider_key_id, at=timezone.now() + USAGE_SETTLES_WITHIN)
        # A quick vendor may have called back before we knew that we would need it.
        for receipt in generation.callbacks.filter(verdict=CallbackReceipt.Verdict.PROPOSED):
            check_callback_step.enqueue(receipt.pk)
    return doubted


def mark_stale_submits_unknown(*, now: datetime) -> int:
    """Park every generation whose worker died around its POST; return how many."""
    stale = Generation.objects.filter(state=State.SUBMITTING, submitted_at__lt=now - STALE_AFTER)
    return sum(_mark_stale(one) for one in stale[:500])


def _mark_stale(generation: Generation) -> bool:
    message = "The worker stopped while submitting; the vendor may have accepted it."
    try:
        with transaction.atomic():
            return mark_submit_unknown(
                generation,
                cause=ReviewCause.WORKER_STOPPED,
                message=message,
                by=By.system("sweep"),
            )
    except Exception:
        # One row that cannot be written must not keep the others from being parked.
        log.exception("stale_submit_not_parked", generation_id=str(generation.id))
        return False
