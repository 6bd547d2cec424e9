"""Delete hourly what has expired and what nothing needs any more."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success

from accounts.webhooks import prune_deliveries, wipe_old_secrets
from generations.archive import clear_partials, delete_unused_files, remove_outlived_films
from generations.drafts import prune_drafts
from generations.provider_keys import wipe_sealed_keys
from generations.reconciliation import prune_samples
from generations.uploads import delete_expired_uploads
from platform_site.clusters.queues import QUEUES
from platform_site.clusters.registry import forget_silent
from platform_site.mail_folder import prune_written_mails

log = structlog.get_logger(__name__)

KEEP_TASK_RESULTS = timedelta(days=7)
KEEP_UNSERVED = timedelta(days=1)


def clean_up() -> dict[str, int]:
    """Delete what has expired, secrets that nothing uses any more, what dead workers have left, and
    what the queue never prunes: old results, and jobs that no cluster serves or can read.

    Returns how many rows or files each chore took; one that fails is logged and left out, and the
    others are done all the same.
    """
    now = timezone.now()
    done = {}
    for name, chore in CHORES.items():
        try:
            done[name] = chore(now)
        except Exception:
            log.exception("clean_up_failed", chore=name)
    return done


def _sessions(now: datetime) -> int:
    return int(Session.objects.filter(expire_date__lt=now).delete()[0])


def _failures(now: datetime) -> int:
    # django-q2 never prunes failures automatically.
    return int(Failure.objects.filter(stopped__lt=now - KEEP_TASK_RESULTS).delete()[0])


def _successes(now: datetime) -> int:
    return int(Success.objects.filter(stopped__lt=now - KEEP_TASK_RESULTS).delete()[0])


def _unserved_tasks(now: datetime) -> int:
    return int(_unserved(now - KEEP_UNSERVED).delete()[0])


def _unserved(before: datetime) -> QuerySet[Any]:
    # Dequeuing moves `lock` on, so here it is the moment of enqueuing, or of being set aside.
    tasks: QuerySet[Any] = OrmQ.objects.exclude(key__in=QUEUES).filter(lock__lt=before)
    return tasks


# What is deleted hourly.
CHORES: dict[str, Callable[[datetime], int]] = {
    # Before the uploads, which a draft keeps alive.
    "drafts": lambda now: prune_drafts(now=now),
    "uploads": lambda now: delete_expired_uploads(now=now),
    "samples": lambda now: prune_samples(now=now),
    "sealed_keys": lambda now: wipe_sealed_keys(),
    "webhooks": lambda now: prune_deliveries(now=now),
    "webhook_secrets": lambda now: wipe_old_secrets(now=now),
    "partials": lambda now: clear_partials(now=now),
    "mails": lambda now: prune_written_mails(now=now),
    "films": lambda now: remove_outlived_films(now=now),
    "files": lambda now: delete_unused_files(),
    "sessions": _sessions,
    "failures": _failures,
    "successes": _successes,
    "tasks": _unserved_tasks,
    "clusters": lambda now: forget_silent(now=now),
}
