"""Wait until nothing more happens, letting the time pass that waits would take."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import Notice, WebhookDelivery
from generations.lifecycle import State
from generations.models import Approval, CallbackReceipt, Film, Generation, ProviderKey
from tests.soak.database_retries import patiently

_LOOK_SECONDS = 1.0
_PASS_SECONDS = 4.0
_SAY_SECONDS = 15.0
_LONG_QUEUE = 30  # tasks
# Beyond any claim: what is due later than this only waits.
_CLAIMED = timedelta(seconds=75)
# Longer than a POST to the vendor can last.
_SUBMIT = timedelta(seconds=50)
_A_LITTLE = timedelta(seconds=3)
# A step that was taken so long ago is over, or its worker is.
_STEP = timedelta(seconds=20)
_MAIL_CLAIM = timedelta(minutes=10)
_DEADLINE = timedelta(hours=3)  # past the vendor's, which is two
_TRIES = 3
# These jobs follow one another forever.
STANDING = frozenset({"generations.ops.steps.sweep_step"})


def settle(
    *, seconds: float, is_stopped: Callable[[], bool], say: Callable[[str], None]
) -> dict[str, int]:
    """Wait until nothing is in progress, at most so long; return what still is."""
    begun = said_at = time.monotonic()
    ends = begun + seconds
    passed_at = 0.0
    while True:
        left = patiently(under_way)
        if not left or time.monotonic() > ends or is_stopped():
            return left
        if time.monotonic() - said_at > _SAY_SECONDS:
            said_at = time.monotonic()
            say(f"in progress: {left}")
        if time.monotonic() - passed_at > _PASS_SECONDS:
            passed_at = time.monotonic()
            patiently(bring_back_taken)
            # While the queue is long, time is not what anything waits for.
            if left.get("queued tasks", 0) < _LONG_QUEUE:
                patiently(let_time_pass)
        time.sleep(_LOOK_SECONDS)


def under_way() -> dict[str, int]:
    """Return what the site has still to do automatically, counted."""
    counts = {
        "generations": Generation.objects.filter(
            state__in=[State.QUEUED, State.SUBMITTING, State.PROCESSING]
        ).count(),
        "films": Film.objects.filter(state=Film.State.PENDING).count(),
        "webhooks": WebhookDelivery.objects.filter(state=WebhookDelivery.State.PENDING).count(),
        "callbacks": CallbackReceipt.objects.filter(
            verdict=CallbackReceipt.Verdict.PROPOSED, next_check_at__isnull=False
        ).count(),
        "notices": Notice.objects.filter(next_mail_at__isnull=False).count(),
        "questions": _questions().filter(next_mail_at__isnull=False).count(),
        "paused keys": ProviderKey.objects.filter(state=ProviderKey.State.PAUSED).count(),
        "queued tasks": len(queued_tasks()),
    }
    return {name: count for name, count in counts.items() if count}


def queued_tasks() -> list[str]:
    """Return the names of the tasks in the queues, those left out that follow one another."""
    names = [str(row.task.get("func")) for row in OrmQ.objects.all()]
    return [name for name in names if name not in STANDING]


def let_time_pass() -> None:
    """Bring forward what waits, without touching what somebody works on at the moment."""
    now = timezone.now()
    soon = now + _A_LITTLE
    unclaimed = Q(claimed_until=None) | Q(claimed_until__lte=now)
    generations = Generation.objects.all()
    generations.filter(state=State.QUEUED, next_submit_at__gt=soon).update(next_submit_at=now)
    generations.filter(state=State.SUBMITTING, submitted_at__lt=now - _SUBMIT).update(
        submitted_at=F("submitted_at") - timedelta(seconds=80)
    )
    generations.filter(next_poll_at__gt=now + _CLAIMED).update(next_poll_at=now)
    generations.filter(
        state=State.PROCESSING, prompt__contains="[sandbox:stuck]", accepted_at__gt=now - _DEADLINE
    ).update(accepted_at=now - _DEADLINE, next_poll_at=now)
    films = Film.objects.filter(unclaimed, state=Film.State.PENDING)
    films.filter(next_attempt_at__gt=soon).update(next_attempt_at=now)
    # This one's link never gives the whole film: its day is over once it was really tried.
    films.filter(attempts__gte=_TRIES, generation__prompt__contains="[sandbox:truncated]").update(
        link_expires_at=now
    )
    WebhookDelivery.objects.filter(
        unclaimed, state=WebhookDelivery.State.PENDING, next_attempt_at__gt=soon
    ).update(next_attempt_at=now)
    CallbackReceipt.objects.filter(
        verdict=CallbackReceipt.Verdict.PROPOSED, next_check_at__gt=soon
    ).update(next_check_at=now)
    both: tuple[QuerySet[Any], ...] = (Notice.objects.all(), _questions())
    for mailed in both:
        mailed.filter(next_mail_at__gt=soon).update(next_mail_at=now)
        mailed.filter(claimed_until__lt=now + _MAIL_CLAIM - _STEP).update(claimed_until=now)
    keys = ProviderKey.objects.all()
    keys.filter(state=ProviderKey.State.PAUSED, next_probe_at__gt=soon).update(next_probe_at=now)
    keys.filter(next_send_at__gt=soon).update(next_send_at=now)


def _questions() -> QuerySet[Approval]:
    return Approval.objects.filter(decision=Approval.Decision.OPEN)


def bring_back_taken() -> None:
    """Let what killed workers had taken come back now, and not after their queue's `retry`."""
    now = timezone.now()
    for queue, retry in _retries().items():
        taken = OrmQ.objects.filter(key=queue, lock__gt=now)
        taken.filter(lock__lt=now + timedelta(seconds=retry) - _STEP).update(lock=now)


def _retries() -> dict[str, int]:
    queue: Any = settings.Q_CLUSTER
    retries: dict[str, int] = {queue["name"]: queue["retry"]}
    others = queue.get("ALT_CLUSTERS", {})
    return retries | {name: other["retry"] for name, other in others.items()}
