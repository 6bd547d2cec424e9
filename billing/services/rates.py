"""Prices as data: a change is a new row from a moment on, and what was used stays as it was."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.audit import record
from accounts.authority import By
from accounts.models import AuditAction
from billing.models import Hold, Rate
from platform_site.errors import Conflict, InvalidRequest

MAX_CREDITS_PER_SECOND = 1_000_000


@transaction.atomic
def schedule_rate(
    *,
    model: str,
    resolution: str,
    audio: bool,
    credits_per_second: int,
    effective_from: datetime,
    by: By,
    now: datetime | None = None,
) -> Rate:
    """Price a second of film from the moment `effective_from` on, for what is admitted from then.

    What was admitted before keeps its price (P18). A moment that is not in the future is taken
    only when nothing can have been admitted at another price since: nothing had a price for these
    parameters, or nothing at all was admitted. Raises `InvalidRequest`, whose `field` names the
    culprit, and its `Conflict` for a second price from the same moment on; `PermissionDenied` for
    who belongs to teams only.
    """
    by.require_everywhere()
    now = now or timezone.now()
    _require_word("model", model, longest=80)
    _require_word("resolution", resolution, longest=10)
    _require_price(credits_per_second)
    if timezone.is_naive(effective_from):
        raise InvalidRequest("The time needs a time zone.", field="effective_from")
    same = Rate.objects.filter(model=model, resolution=resolution, audio=audio)
    has_price = effective_from <= now and same.filter(effective_from__lte=now).exists()
    # Billing does not know what a hold was priced by, so any admission counts.
    if has_price and Hold.objects.filter(created_at__gte=effective_from).exists():
        raise InvalidRequest(
            "Generations were admitted at the price in force since then; choose a later time.",
            field="effective_from",
        )
    rate = Rate(
        model=model,
        resolution=resolution,
        audio=audio,
        credits_per_second=credits_per_second,
        effective_from=effective_from,
    )
    try:
        with transaction.atomic():
            rate.save(force_insert=True)
    except IntegrityError:
        raise Conflict("There is already a price from that time.", field="effective_from") from None
    _record(AuditAction.RATE_SCHEDULED, rate, by)
    return rate


@transaction.atomic
def withdraw_rate(*, rate: Rate, by: By, now: datetime | None = None) -> None:
    """Take back a price that is not yet in force.

    Raises `Conflict`, with the field `effective_from`, once it is, or when it is gone already, and
    `PermissionDenied` for who belongs to teams only.
    """
    by.require_everywhere()
    now = now or timezone.now()
    # One conditional DELETE: the moment may come while somebody decides.
    deleted, _ = Rate.objects.filter(pk=rate.pk, effective_from__gt=now).delete()
    if not deleted:
        raise Conflict(
            "This price is in force or gone, so it cannot be withdrawn.", field="effective_from"
        )
    _record(AuditAction.RATE_WITHDRAWN, rate, by)


def _require_word(field: str, word: str, *, longest: int) -> None:
    if not word or len(word) > longest or word != word.strip():
        raise InvalidRequest(f"Enter a {field} of up to {longest} characters.", field=field)


def _require_price(credits_per_second: int) -> None:
    whole = isinstance(credits_per_second, int) and not isinstance(credits_per_second, bool)
    if not whole or not 0 < credits_per_second <= MAX_CREDITS_PER_SECOND:
        raise InvalidRequest(
            f"Enter a whole number of credits per second from 1 to {MAX_CREDITS_PER_SECOND:,}.",
            field="credits_per_second",
        )


def _record(action: AuditAction, rate: Rate, by: By) -> None:
    record(
        by=by,
        action=action,
        subject=rate,
        model=rate.model,
        resolution=rate.resolution,
        audio=rate.audio,
        credits_per_second=rate.credits_per_second,
        effective_from=rate.effective_from.isoformat(),
    )
