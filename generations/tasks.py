"""What the queue runs. Tasks take ids, may run twice, and return nothing."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec
from uuid import UUID

from accounts.webhooks.worker import carry_due
from generations.approvals.mail import ask_managers
from generations.archive.keep import keep_film
from generations.callbacks.service import check_callback as check_callback_receipt
from generations.dispatch.claim import send_next
from generations.ops.clean_up import clean_up as clear_away
from generations.ops.sweep import run_sweep
from generations.provider_keys.service import probe_provider_key
from generations.queue import hand_back
from generations.reconciliation.sampling import sample_meter
from generations.services.announcing import mail_notice
from platform_site.clusters.shutdown import is_stopping

Ids = ParamSpec("Ids")


def task(step: Callable[Ids, None]) -> Callable[Ids, None]:
    """Have a worker that was told to stop hand the step back to its queue, before it began."""

    @wraps(step)
    def run(*ids: Ids.args, **named: Ids.kwargs) -> None:
        if is_stopping():
            hand_back(step.__name__, *ids)  # type: ignore[arg-type]
        else:
            step(*ids, **named)

    return run


@task
def send() -> None:
    """Send the generation whose turn it is to the vendor."""
    send_next()


@task
def ask(generation_id: str) -> None:
    """Tell the managers that one generation waits for them."""
    ask_managers(UUID(generation_id))


@task
def keep(generation_id: str) -> None:
    """Try once to keep one film."""
    keep_film(UUID(generation_id))


@task
def check_callback(receipt_id: int) -> None:
    """Check the id that a callback proposed."""
    check_callback_receipt(receipt_id)


@task
def deliver() -> None:
    """Post the webhooks that are due, if nobody else does."""
    carry_due()


@task
def mail(notice_id: int) -> None:
    """Mail one notice to whom it is for."""
    mail_notice(notice_id)


@task
def probe(provider_key_id: int) -> None:
    """See whether a paused provider key works again."""
    probe_provider_key(provider_key_id)


@task
def sample(provider_key_id: int) -> None:
    """Sample the meter of one provider key."""
    sample_meter(provider_key_id)


@task
def sweep(wait_seconds: float = 0.0) -> None:
    """Sweep for some seconds, if no other sweep runs, and hand over to the next task."""
    run_sweep(wait_seconds=wait_seconds)


@task
def clean_up() -> None:
    """Clear away what has served its time."""
    clear_away()
