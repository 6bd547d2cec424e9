"""The proof that background work is done, end to end: a row that only a task writes.

A cluster can freeze while its own status still says idle, so nothing that a process says of
itself counts; a task that went through the queue and a worker does.
"""

from django.utils import timezone

from platform_site.models import Beat

CLUSTER_BEAT = "cluster"


def record_beat(name: str = CLUSTER_BEAT) -> None:
    """Write down that `name` works now. Call it from a task, never from what watches it."""
    Beat.objects.update_or_create(name=name, defaults={"beaten_at": timezone.now()})


def beat_age_seconds(name: str = CLUSTER_BEAT) -> float | None:
    """Return the seconds since `name` last proved that it works; None if it never did.

    Raises `django.db.DatabaseError` when the database cannot be asked.
    """
    beaten_at = Beat.objects.filter(name=name).values_list("beaten_at", flat=True).first()
    if beaten_at is None:
        return None
    # Another host's clock may be ahead of ours.
    return max(0.0, (timezone.now() - beaten_at).total_seconds())
