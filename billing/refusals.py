"""What is said to whoever submits more than a limit or the wallet has room for."""

from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.selectors import Books, LimitUse
from billing.subjects import Subject
from billing.windows import Window


def limit_refusal(use: LimitUse, amount: int, *, item: int = 0) -> SpendLimitExceeded:
    """Return the refusal of a limit that has less room than `amount` credits."""
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
    refusal.item = item
    return refusal


def wallet_refusal(books: Books, amount: int, *, item: int = 0) -> InsufficientCredits:
    """Return the refusal of a wallet with fewer than `amount` available credits."""
    refusal = InsufficientCredits(
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
    refusal.item = item
    return refusal
