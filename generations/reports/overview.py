"""What an administrator should see first: where everything stands, and what needs a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import Count, Model, Q, QuerySet
from django_q.models import Failure, OrmQ

from accounts.models import WebhookDelivery
from generations.archive import troubled_films
from generations.lifecycle import State
from generations.models import Approval, Film, Generation, ProviderKey
from platform_site.clusters.heartbeats import heartbeat_age_seconds
from platform_site.clusters.queues import QUEUES, patience_of
from platform_site.models import Cluster

Row = TypeVar("Row", bound=Model)

# A healthy sweep beats every few seconds.
BEAT_IS_LATE_SECONDS = 60
_ATTEMPTS_THAT_WORRY = 3


@dataclass(frozen=True, slots=True)
class BackgroundWork:
    """How the queue is doing, and what it could not save in a day."""

    sweep_age: float | None  # seconds since the sweep last worked
    clusters: tuple[Cluster, ...]
    silent: tuple[Cluster, ...]
    waiting: int
    failed_today: int
    lost_films: int

    @property
    def is_sweep_late(self) -> bool:
        """Return whether nothing has been polled for too long."""
        return self.sweep_age is None or self.sweep_age > BEAT_IS_LATE_SECONDS

    @property
    def is_short_of_clusters(self) -> bool:
        """Return whether a cluster owes its proof, or a queue has no cluster that works."""
        live_clusters = {cluster.queue for cluster in self.clusters if cluster not in self.silent}
        return bool(self.silent) or not live_clusters.issuperset(QUEUES)


def count_by_state() -> dict[State, int]:
    """Return how many generations stand in each state; every state is in it."""
    rows = Generation.objects.order_by().values("state").annotate(count=Count("pk"))
    counts = {row["state"]: row["count"] for row in rows}
    return {state: counts.get(state, 0) for state in State}


def needing_review() -> QuerySet[Generation]:
    """Return the generations that wait for a person, longest first."""
    return (
        Generation.objects.filter(state=State.NEEDS_REVIEW)
        .select_related("team", "user")
        .order_by("created_at")
    )


def waiting_approvals() -> QuerySet[Approval]:
    """Return the approvals that nobody decided yet, the one that expires first before others."""
    return (
        Approval.objects.filter(decision=Approval.Decision.OPEN)
        .select_related("generation__team", "generation__user")
        .defer("token", "generation__callback_token")
        .order_by("expires_at")
    )


def paused_keys() -> QuerySet[ProviderKey]:
    """Return the provider keys that the vendor turned away, with the generations that wait for
    each.
    """
    paused: QuerySet[ProviderKey] = ProviderKey.objects.filter(state=ProviderKey.State.PAUSED)
    return (
        paused.select_related("team", "owner")
        .annotate(waiting=Count("generations", filter=Q(generations__state=State.QUEUED)))
        .order_by("team", "pk")
    )


def films_at_risk() -> QuerySet[Film]:
    """Return films not kept yet whose keeping has trouble, by the end of their links' lives."""
    return troubled_films().select_related("generation__team").order_by("link_expires_at")


def failing_webhooks() -> QuerySet[WebhookDelivery]:
    """Return deliveries given up and those that keep failing, newest first."""
    states = WebhookDelivery.State
    trouble = Q(state=states.GIVEN_UP) | Q(state=states.PENDING, attempts__gte=_ATTEMPTS_THAT_WORRY)
    return WebhookDelivery.objects.filter(trouble).select_related("team").order_by("-created_at")


def background_work(*, now: datetime) -> BackgroundWork:
    """Return the state of background work."""
    day = now - timedelta(days=1)
    clusters = tuple(Cluster.objects.order_by("queue", "host", "started_at"))
    return BackgroundWork(
        sweep_age=heartbeat_age_seconds(),
        clusters=clusters,
        silent=tuple(cluster for cluster in clusters if _is_silent(cluster, now)),
        waiting=OrmQ.objects.count(),
        failed_today=Failure.objects.filter(stopped__gte=day).count(),
        lost_films=Film.objects.filter(state=Film.State.GIVEN_UP, lost_at__gte=day).count(),
    )


def _is_silent(cluster: Cluster, now: datetime) -> bool:
    heard_at = max(cluster.started_at, cluster.heartbeat_at or cluster.started_at)
    return now - heard_at > timedelta(seconds=patience_of(cluster.queue))


def first_and_count(rows: QuerySet[Row], *, limit: int) -> tuple[Sequence[Row], int]:
    """Return the first rows and how many there are, in one query while they are few."""
    first = list(rows[: limit + 1])
    count = len(first) if len(first) <= limit else rows.count()
    return first[:limit], count
