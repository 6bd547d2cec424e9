"""The admin's pages about money: teams with their books, the ledger, limits, rates and API keys."""

from billing.admin import api_keys, ledger, rates, teams

__all__ = ["api_keys", "ledger", "rates", "teams"]
