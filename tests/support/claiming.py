"""Claiming what is queued, and how much a key may send."""

from datetime import datetime

from django.utils import timezone

from generations.dispatch.claim import claim_next
from generations.models import Generation, ProviderKey
from generations.provider_keys.service import set_send_rate
from tests.factories import SYSTEM


def claims(count: int, *, now: datetime | None = None) -> list[Generation]:
    """Claim so many, one after another; fewer when no more can be sent."""
    taken = [claim_next(now=now or timezone.now()) for _ in range(count)]
    return [one for one in taken if one is not None]


def limit_sends(key: ProviderKey, *, at_once: int = 1000, per_minute: int | None = None) -> None:
    """Set how much a key may send."""
    set_send_rate(key, max_in_flight=at_once, per_minute=per_minute, by=SYSTEM)
