"""Money: rates, accounts, transfers, holds and spend limits."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Knows teams; does not know that videos exist."""

    name = "billing"
    verbose_name = "Credits"
