"""Wake whoever sends with the provider keys: something was queued, or a key has room again.

The dispatch is a loop that looks while it runs (`generations.dispatch.loop`); only one
that has ended must be started, by a step of which one waits in the queue at a time.
"""

from datetime import datetime, timedelta
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from generations.provider_keys.load import anything_due
from platform_site.clusters.leases import acquire, clear, is_any_held
from platform_site.clusters.steps import step_at

# Who has the right to send: one loop, and as many more as there are further clusters.
DISPATCH_LEASES = ("dispatch", "dispatch 2", "dispatch 3", "dispatch 4")
# Held by the step that waits in the queue; one that is lost is made up for after this long.
_WAITING = "dispatch waits"
_WAITS = timedelta(seconds=10)
_STEP = "generations.dispatch.steps.dispatch_step"


def wake_dispatch(count: int = 1) -> None:
    """Have what was queued sent soon, whichever is next; `count` is how many were queued.

    Inside a transaction it is done after the commit: a loop that is about to end would not see what
    is not committed.
    """
    if count > 0:
        transaction.on_commit(lambda: start_dispatch(now=timezone.now()), robust=True)


def wake_for_slot(provider_key_id: int) -> None:
    """Have the slot that a generation leaves taken by the key's next one, if one waits."""
    transaction.on_commit(lambda: _start_if_due(provider_key_id), robust=True)


def start_dispatch(*, now: datetime) -> None:
    """Enqueue the step that sends, unless a loop runs, which will look, or a step waits.

    What is to be sent must be committed.
    """
    if is_any_held((*DISPATCH_LEASES, _WAITING), now=now):
        return
    with transaction.atomic():
        if acquire(_WAITING, uuid4().hex, now=now, life=_WAITS):
            step_at(_STEP).enqueue()


def note_started(*, now: datetime) -> None:
    """Note that no step waits any more, before looking for what to send."""
    clear(_WAITING, now=now)


def _start_if_due(provider_key_id: int) -> None:
    now = timezone.now()
    if anything_due(provider_key_id, now=now):
        start_dispatch(now=now)
