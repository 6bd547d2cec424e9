"""Who: users, teams, roles, API keys, the audit trail and outgoing webhooks."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """The lowest domain: knows neither money nor films."""

    name = "accounts"
    verbose_name = "People and keys"
