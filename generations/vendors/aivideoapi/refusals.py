"""What the vendor's refusals mean, by its error table. Pure."""

from generations.vendors.aivideoapi.facts import (
    KEY_STATUSES,
    KEY_TROUBLE,
    MODERATION_WORDS,
    RATE_LIMITED,
)
from generations.vendors.base import RefusalKind


def kind_of_refusal(*, status: int, code: str, message: str) -> RefusalKind:
    """Return what a refusal is about. The code decides first: there are two 429s."""
    if code in KEY_TROUBLE or status in KEY_STATUSES:
        return RefusalKind.KEY
    if code == RATE_LIMITED:
        return RefusalKind.TOO_FAST
    if is_moderation(message):
        return RefusalKind.CONTENT
    return RefusalKind.PASSING if status >= 500 else RefusalKind.REQUEST


def is_moderation(message: str) -> bool:
    """Return whether these are the words of its moderation, which has no code of its own."""
    said = message.lower()
    return any(word in said for word in MODERATION_WORDS)
