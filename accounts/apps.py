"""Who: users, teams, roles, API keys, the audit trail and outgoing webhooks."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The lowest domain: knows neither money nor films. Says how its API keys look (P33)."""

    name = "accounts"
    verbose_name = "People and keys"

    def ready(self) -> None:
        """Have the API keys masked wherever secrets are."""
        from accounts.api_keys import KEY_PATTERN, KEY_START
        from platform_site.logs import mask_keys

        mask_keys(KEY_PATTERN, mask=f"{KEY_START}…")
