"""The admin's pages about money: teams with their books, the ledger and API keys.

Limits and rates have theirs in generations, where it is known what they are for.
"""

from billing.admin import api_keys, ledger, teams

__all__ = ["api_keys", "ledger", "teams"]
