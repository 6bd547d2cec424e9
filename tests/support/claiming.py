"""Claiming what is queued, and how much a key may send."""

from datetime import datetime

from django.utils import timezone

from generations.dispatch.claim import claim_group
from generations.dispatch.fair_queue import sendable_keys
from generations.models import Generation, ProviderKey
from generations.provider_keys.service import set_send_rate
from tests.factories import SYSTEM


def claim_next(*, now: datetime) -> Generation | None:
    """Claim the next one as a dispatcher would; None when none can be sent, or another claims."""
    claimed = claim_at_once(1, now=now)
    return claimed[0] if claimed else None


def claim_at_once(count: int, *, now: datetime | None = None) -> list[Generation]:
    """Claim up to so many in one group."""
    now = now or timezone.now()
    keys = sendable_keys(now)
    return claim_group(
        dict.fromkeys(keys, count),
        of_endpoint=dict.fromkeys(keys.values(), count),
        most=count,
        now=now,
    )


def claims(count: int, *, now: datetime | None = None) -> list[Generation]:
    """Claim so many, one after another; fewer when no more can be sent."""
    taken = [claim_next(now=now or timezone.now()) for _ in range(count)]
    return [one for one in taken if one is not None]


def claim_all(*, now: datetime, at_once: int) -> list[Generation]:
    """Claim in groups until nothing can be sent, as long as others have a key also."""
    claimed: list[Generation] = []
    while sendable_keys(now):
        claimed += claim_at_once(at_once, now=now)
    return claimed


def limit_sends(key: ProviderKey, *, at_once: int = 1000, per_minute: int | None = None) -> None:
    """Set how much a key may send."""
    set_send_rate(key, max_in_flight=at_once, per_minute=per_minute, by=SYSTEM)
