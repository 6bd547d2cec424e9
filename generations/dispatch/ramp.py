"""How many POSTs a key may have at once, by what its last ones came to. Pure.

A provider that is ill says so only after its first POSTs, each of which may need review: so a key
begins with a few and has one more with each that is accepted.
"""

from generations.vendors import ProviderError, ProviderRefused, RefusalKind

FIRST_POSTS = 4
MOST_POSTS_OF_KEY = 16


class Ramp:
    """What a loop has seen of its keys."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._most: dict[int, int] = {}

    def most_of(self, provider_key_id: int) -> int:
        """Return how many POSTs with this key may be in progress."""
        return self._most.get(provider_key_id, FIRST_POSTS)

    def note(self, provider_key_id: int, error: ProviderError | None) -> None:
        """Note that a generation was accepted, or what there was instead."""
        if error is None:
            most = min(MOST_POSTS_OF_KEY, self.most_of(provider_key_id) + 1)
        elif isinstance(error, ProviderRefused) and error.kind != RefusalKind.TOO_FAST:
            return  # about the generation, or it pauses the key
        else:
            most = FIRST_POSTS
        self._most[provider_key_id] = most
