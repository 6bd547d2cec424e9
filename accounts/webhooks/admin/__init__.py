"""The admin's pages about webhooks; `accounts.admin` has them registered."""

from accounts.webhooks.admin import deliveries, endpoints

__all__ = ["deliveries", "endpoints"]
