"""What a provider key has at the vendor, and what waits to be sent with it."""

from datetime import datetime

from generations.lifecycle import COUNTS_IN_FLIGHT, State
from generations.models import Generation


def in_flight(provider_key_id: int) -> int:
    """Return how many generations a key has at the vendor, of those that count against its cap."""
    states = sorted(COUNTS_IN_FLIGHT)
    return Generation.objects.filter(provider_key=provider_key_id, state__in=states).count()


def queued_with(provider_key_id: int) -> int:
    """Return how many generations of a key wait to be sent."""
    return Generation.objects.filter(provider_key=provider_key_id, state=State.QUEUED).count()


def anything_due(provider_key_id: int, *, now: datetime) -> bool:
    """Return whether a generation of the key waits for a place, whether or not there is one."""
    queued = Generation.objects.filter(provider_key=provider_key_id, state=State.QUEUED)
    return queued.filter(next_submit_at__lte=now).exists()
