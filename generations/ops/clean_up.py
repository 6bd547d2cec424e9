"""Clear away what has served its time."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success

from accounts.webhooks.outbox import prune_deliveries
from accounts.webhooks.secrets import wipe_old_secrets
from generations.archive.partial import clear_partials
from generations.archive.retention import remove_outlived_films
from generations.archive.store import delete_unused_files
from generations.provider_keys.service import wipe_sealed_keys
from generations.reconciliation.sampling import prune_samples
from generations.uploads.service import delete_expired_uploads
from platform_site.clusters.queues import QUEUES
from platform_site.clusters.registry import forget_silent

KEEP_TASK_RESULTS = timedelta(days=7)
KEEP_UNSERVED = timedelta(days=1)


def clean_up() -> dict[str, int]:
    """Delete what has expired, secrets that nothing uses any more, what dead workers have left, and
    what the queue never prunes: old results, and tasks that no cluster serves or can read.
    """
    now = timezone.now()
    old = now - KEEP_TASK_RESULTS
    return {
        "uploads": delete_expired_uploads(now=now),
        "samples": prune_samples(now=now),
        "sealed_keys": wipe_sealed_keys(),
        "webhooks": prune_deliveries(now=now),
        "webhook_secrets": wipe_old_secrets(now=now),
        "partials": clear_partials(now=now),
        "films": remove_outlived_films(now=now),
        "files": delete_unused_files(),
        "sessions": Session.objects.filter(expire_date__lt=now).delete()[0],
        # django-q2 never prunes failures by itself.
        "failures": Failure.objects.filter(stopped__lt=old).delete()[0],
        "successes": Success.objects.filter(stopped__lt=old).delete()[0],
        "tasks": _unserved(now - KEEP_UNSERVED).delete()[0],
        "clusters": forget_silent(now=now),
    }


def _unserved(before: datetime) -> QuerySet[Any]:
    # Dequeuing moves `lock` on, so here it is the moment of enqueuing, or of being set aside.
    tasks: QuerySet[Any] = OrmQ.objects.exclude(key__in=QUEUES).filter(lock__lt=before)
    return tasks
