"""What the queue runs. Tasks take ids, may run twice, and return nothing."""

from uuid import UUID

from accounts.services.webhooks import deliver as deliver_webhook
from generations.services.announcing import mail_notice
from generations.services.asking import ask_managers
from generations.services.callbacks import check_callback as check_callback_receipt
from generations.services.housekeeping import clean_up as clear_away
from generations.services.keeping import keep_film
from generations.services.metering import sample_meter
from generations.services.provider_keys import probe_provider_key
from generations.services.sending import send_generation
from generations.services.sweep import run_sweep


def submit(generation_id: str) -> None:
    """Send one queued generation to the vendor."""
    send_generation(UUID(generation_id))


def ask(generation_id: str) -> None:
    """Tell the managers that one generation waits for them."""
    ask_managers(UUID(generation_id))


def keep(generation_id: str) -> None:
    """Try once to keep one film."""
    keep_film(UUID(generation_id))


def check_callback(receipt_id: int) -> None:
    """Check the id that a callback proposed."""
    check_callback_receipt(receipt_id)


def deliver(delivery_id: str) -> None:
    """Try once to post one webhook."""
    deliver_webhook(UUID(delivery_id))


def mail(notice_id: int) -> None:
    """Mail one notice to whom it is for."""
    mail_notice(notice_id)


def probe(provider_key_id: int) -> None:
    """See whether a paused provider key works again."""
    probe_provider_key(provider_key_id)


def sample(provider_key_id: int) -> None:
    """Sample the meter of one provider key."""
    sample_meter(provider_key_id)


def sweep(wait_seconds: float = 0.0) -> None:
    """Sweep for some seconds, if no other sweep runs, and hand over to the next task."""
    run_sweep(wait_seconds=wait_seconds)


def clean_up() -> None:
    """Clear away what has served its time."""
    clear_away()
