"""`manage.py rotate_vault`: seal every stored secret anew with the first key of VAULT_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.webhooks import rotate_webhook_seals
from generations.provider_keys import rotate_vault


class Command(BaseCommand):
    """Rotate the vault."""

    help = "Seal every secret anew with the current vault key; older keys may go afterwards."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Rotate and print how many secrets were sealed anew."""
        count = rotate_vault() + rotate_webhook_seals()
        self.stdout.write(f"{count} secrets sealed anew.")
