"""When a background loop last did its work. Clusters have a proof of their own: `clusters`."""

from django.utils import timezone

from platform_site.models import Beat

SWEEP_BEAT = "sweep"


def record_beat(name: str = SWEEP_BEAT) -> None:
    """Write down that the loop `name` works now. Call it from the loop, never from its watcher."""
    Beat.objects.update_or_create(name=name, defaults={"beaten_at": timezone.now()})


def beat_age_seconds(name: str = SWEEP_BEAT) -> float | None:
    """Return the seconds since `name` last did its work; None if it never did."""
    beaten_at = Beat.objects.filter(name=name).values_list("beaten_at", flat=True).first()
    if beaten_at is None:
        return None
    # Another host's clock may be ahead of ours.
    return max(0.0, (timezone.now() - beaten_at).total_seconds())
