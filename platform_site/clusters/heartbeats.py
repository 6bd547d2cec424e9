"""When a background loop last did its work. Clusters have a proof of their own: `registry`."""

from django.utils import timezone

from platform_site.models import Heartbeat

SWEEP_HEARTBEAT = "sweep"


def record_heartbeat(name: str = SWEEP_HEARTBEAT) -> None:
    """Write down that the loop `name` works now. Call it from the loop, never from its watcher."""
    Heartbeat.objects.update_or_create(name=name, defaults={"heartbeat_at": timezone.now()})


def heartbeat_age_seconds(name: str = SWEEP_HEARTBEAT) -> float | None:
    """Return the seconds since `name` last did its work; None if it never did."""
    heartbeat_at = (
        Heartbeat.objects.filter(name=name).values_list("heartbeat_at", flat=True).first()
    )
    if heartbeat_at is None:
        return None
    # Another host's clock may be ahead of ours.
    return max(0.0, (timezone.now() - heartbeat_at).total_seconds())
