"""Corrections by an administrator, and what they leave in the books."""

from collections.abc import Callable
from typing import Any

from accounts.authority import By
from billing.models import Transfer
from generations.models import Generation

ADMIN = By("user:7/admin", "req-7", acts_everywhere=True)
ANY: dict[str, Any] = {"by": ADMIN, "reason": "The vendor's support said so"}

EndDoubt = Callable[..., None]


def closings(generation: Generation) -> list[tuple[str, str, str, int]]:
    """Return every entry of the hold after its opening: kind, from, to, credits."""
    entries = Transfer.objects.filter(hold=generation.hold_id).exclude(kind="hold").order_by("id")
    return [
        (entry.kind, entry.debit_account.kind, entry.credit_account.kind, entry.amount)
        for entry in entries
    ]
