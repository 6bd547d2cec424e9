"""Announce prices and take announcements back; a price in force is history."""

from datetime import datetime

from django.db import transaction

from accounts.actor import Actor
from accounts.services.audit import record
from billing.models import Rate
from platform_site.errors import Conflict, InvalidRequest


@transaction.atomic
def announce_rate(
    *,
    model: str,
    resolution: str,
    audio: bool,
    credits_per_second: int,
    effective_from: datetime,
    actor: Actor,
    now: datetime,
) -> Rate:
    """Price a second of film from a coming moment on, or at once where nothing has a price yet.

    Raises `InvalidRequest` for a price of nothing or a past moment where a price is in force: what
    was admitted meanwhile was admitted under the old one. Raises `Conflict` for a second price at
    the same moment.
    """
    if credits_per_second <= 0:
        raise InvalidRequest("A rate is a whole number above 0.", field="credits_per_second")
    same = Rate.objects.filter(model=model, resolution=resolution, audio=audio)
    if effective_from <= now and same.filter(effective_from__lte=now).exists():
        raise InvalidRequest(
            "A price is in force; a new one takes effect in the future.", field="effective_from"
        )
    if same.filter(effective_from=effective_from).exists():
        raise Conflict("There is a price from that moment on already.", field="effective_from")
    rate = Rate.objects.create(
        model=model,
        resolution=resolution,
        audio=audio,
        credits_per_second=credits_per_second,
        effective_from=effective_from,
    )
    record(
        actor=actor,
        action="rate.announced",
        subject=f"rate:{rate.pk}",
        rate=str(rate),
        effective_from=effective_from.isoformat(),
    )
    return rate


@transaction.atomic
def withdraw_rate(*, rate: Rate, actor: Actor, now: datetime) -> None:
    """Take back a price that has not taken effect. Raises `Conflict` once it has."""
    deleted, _ = Rate.objects.filter(pk=rate.pk, effective_from__gt=now).delete()
    if not deleted:
        raise Conflict("This price is in force; it stays.")
    record(actor=actor, action="rate.withdrawn", subject=f"rate:{rate.pk}", rate=str(rate))
