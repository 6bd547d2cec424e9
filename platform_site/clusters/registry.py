"""Which clusters there are, and the proof, end to end, that each of them works.

A cluster can freeze while its own status still says idle, so nothing that a process says of
itself counts. The broker gives each cluster a beat to work off every few seconds, which no other
cluster can take; only when it has come through the pusher, a worker and the monitor is it written
down, here and for the supervisor. Every other task that comes through counts as well, so a busy
cluster is never taken for dead: it is silent for at most as long as one task may last.
"""

from datetime import datetime, timedelta
from os import getpid
from socket import gethostname
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from platform_site.errors import Conflict
from platform_site.models import Cluster

HEARTBEAT_SECONDS = 10.0
# A cluster that beat so recently counts as running beside one that starts.
_RUNNING = timedelta(seconds=60)
_KEEP_SILENT = timedelta(days=1)


class ForeignSecrets(Conflict):
    """Two hosts share a database, but not the key that signs tasks and links (409)."""


def register(cluster: UUID, *, queue: str) -> None:
    """Write down a cluster that starts, in place of a predecessor of the same id.

    Raises `ForeignSecrets`.
    """
    refuse_foreign_secrets(now=timezone.now())
    Cluster.objects.update_or_create(
        pk=cluster,
        defaults={
            "queue": queue,
            "host": gethostname()[:255],
            "pid": getpid(),
            "secret_mark": _secret_mark(),
            "started_at": timezone.now(),
            "heartbeat_at": None,
        },
    )


def refuse_foreign_secrets(*, now: datetime) -> None:
    """Raise `ForeignSecrets` if a cluster runs that signs its tasks with another SECRET_KEY.

    Each would throw the other's tasks away.
    """
    running = Cluster.objects.filter(heartbeat_at__gte=now - _RUNNING)
    foreign = running.exclude(secret_mark=_secret_mark()).first()
    if foreign is not None:
        raise ForeignSecrets(
            f"The worker on {foreign.host} uses another SECRET_KEY. Give every host the same"
            " SECRET_KEY and VAULT_KEYS; to change them, stop all workers first."
        )


def note_heartbeat(cluster: UUID) -> None:
    """Write down that this cluster works now."""
    Cluster.objects.filter(pk=cluster).update(heartbeat_at=timezone.now())


def prove_worker() -> None:
    """Do what every task does, reach the database; raise `django.db.Error` where that fails."""
    Cluster.objects.exists()


def live_clusters(queue: str, *, now: datetime) -> QuerySet[Cluster]:
    """Return the clusters of a queue that have proved within a minute that they work."""
    return Cluster.objects.filter(queue=queue, heartbeat_at__gte=now - _RUNNING)


def deregister(cluster: UUID) -> None:
    """Remove a cluster that has stopped in order."""
    Cluster.objects.filter(pk=cluster).delete()


def forget_silent(*, now: datetime) -> int:
    """Strike out the clusters that died and were never replaced; return how many."""
    dead = now - _KEEP_SILENT
    return silent_since(dead).delete()[0]


def silent_since(moment: datetime) -> QuerySet[Cluster]:
    """Return the clusters that started before `moment` and have not proved since that they work."""
    return Cluster.objects.filter(started_at__lt=moment).exclude(heartbeat_at__gte=moment)


def _secret_mark() -> str:
    return salted_hmac("platform_site.clusters", "one installation").hexdigest()[:16]
