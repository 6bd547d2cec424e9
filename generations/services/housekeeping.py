"""Clear away what has served its time."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Failure, Success

from accounts.services.webhook_outbox import prune_deliveries
from accounts.services.webhook_secrets import wipe_old_secrets
from generations.services.keeping import clear_abandoned_folders
from generations.services.metering import prune_samples
from generations.services.provider_keys import wipe_sealed_keys
from generations.services.uploads import delete_expired_uploads

KEEP_TASK_RESULTS = timedelta(days=7)


def clean_up() -> dict[str, int]:
    """Delete expired uploads, sessions, old task results, the secrets of unused sealed keys and
    the downloads of workers that were killed.
    """
    now = timezone.now()
    old = now - KEEP_TASK_RESULTS
    return {
        "uploads": delete_expired_uploads(now=now),
        "samples": prune_samples(now=now),
        "sealed_keys": wipe_sealed_keys(),
        "webhooks": prune_deliveries(now=now),
        "webhook_secrets": wipe_old_secrets(now=now),
        "folders": clear_abandoned_folders(now=now),
        "sessions": Session.objects.filter(expire_date__lt=now).delete()[0],
        # django-q2 never prunes failures by itself.
        "failures": Failure.objects.filter(stopped__lt=old).delete()[0],
        "successes": Success.objects.filter(stopped__lt=old).delete()[0],
    }
