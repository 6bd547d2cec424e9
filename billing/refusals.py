"""What is said to whoever submits more than a limit or the wallet has room for."""

from collections.abc import Sequence
from datetime import datetime

from accounts.models import Team
from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.models import SpendWindow
from billing.selectors import books_of, use_of, uses_of
from billing.subjects import Subject
from billing.windows import Window


def limit_refusal(
    untaken: Sequence[SpendWindow], full: SpendWindow, amount: int, now: datetime
) -> SpendLimitExceeded:
    """Return the refusal of the narrowest limit without room; `full` was seen to have none."""
    uses = uses_of([window.limit for window in untaken], now=now)
    fallback = use_of(full.limit, now=now)
    use = next((use for use in uses if use.left < amount), fallback)
    limit = use.limit
    per = "in total" if limit.window == Window.TOTAL else f"per {limit.window}"
    kind = limit.subject_kind.replace("_", " ")
    kind = "API key" if kind == "api key" else kind
    refusal = SpendLimitExceeded(
        f"This needs {amount} credits, and the {kind}'s limit of {limit.credits} credits {per} "
        f"has {use.left} left.",
        details={
            "scope": limit.subject_kind,
            "window": limit.window,
            "limit": limit.credits,
            "spent": use.spent,
            "held": use.held,
            "needed": amount,
            "resets_at": int(use.resets_at.timestamp()) if use.resets_at else None,
        },
    )
    refusal.subject = Subject(limit.subject_kind, limit.subject_id)
    return refusal


def wallet_refusal(team: Team, amount: int) -> InsufficientCredits:
    """Return the refusal of a wallet with fewer than `amount` available credits."""
    books = books_of(team)
    return InsufficientCredits(
        f"Your credit balance is too low: this needs {amount} credits, and {books.available} are "
        "available. Ask an administrator to top up the wallet.",
        details={
            "scope": "wallet",
            "window": "total",
            "limit": books.granted,
            "spent": books.spent,
            "held": books.held,
            "needed": amount,
            "resets_at": None,
        },
    )
