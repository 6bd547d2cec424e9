"""`manage.py rotate_vault`: encrypt every stored secret again with the first key of VAULT_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.webhooks import rotate_webhook_seals
from generations.provider_keys import rotate_vault


class Command(BaseCommand):
    """Rotate the vault."""

    help = "Encrypt every secret again with the current vault key; older keys can then be removed."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Rotate and print how many secrets were encrypted again."""
        count = rotate_vault() + rotate_webhook_seals()
        self.stdout.write(f"{count} secrets encrypted again.")
