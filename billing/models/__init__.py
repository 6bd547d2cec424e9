"""The models of billing, one file each."""

from billing.models.account import Account
from billing.models.hold import Hold, HoldWindow
from billing.models.rate import Rate
from billing.models.spend_alert import SpendAlert
from billing.models.spend_limit import SpendLimit, SpendWindow
from billing.models.transfer import Transfer

__all__ = [
    "Account",
    "Hold",
    "HoldWindow",
    "Rate",
    "SpendAlert",
    "SpendLimit",
    "SpendWindow",
    "Transfer",
]
