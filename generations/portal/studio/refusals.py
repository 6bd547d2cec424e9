"""A refusal of money as people need it: whose limit, how full, until when, what fits (P34)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing.errors import InsufficientCredits, SpendLimitExceeded
from generations.limits import scope_called
from platform_site.errors import DailiesError


@dataclass(frozen=True, slots=True)
class Variant:
    """A smaller film that would fit; `take` is what its button submits.

    `generate_audio` is None for a model that is not asked.
    """

    duration: int
    resolution: str
    credits: int
    generate_audio: bool | None = None

    @property
    def take(self) -> str:
        """Return the value that the form reads back."""
        return f"{self.duration},{self.resolution},{int(bool(self.generate_audio))}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Numbers in credits, all of one scope and window."""

    scope: str
    window: str
    limit: int
    spent: int
    held: int
    needed: int
    resets_at: datetime | None
    raised_by: list[str]
    variants: list[Variant]

    @property
    def is_wallet(self) -> bool:
        """Return whether credits are missing, rather than leave to spend them."""
        return self.scope == "wallet"

    @property
    def is_own(self) -> bool:
        """Return whether the person has set this limit themself."""
        scope = scope_called(self.scope)
        return scope is not None and scope.is_own

    @property
    def scope_word(self) -> str:
        """Return the scope as a sentence names it."""
        if self.is_wallet:
            return "the team’s wallet"
        scope = scope_called(self.scope)
        return scope.refused if scope else self.scope.replace("_", " ")

    @property
    def left(self) -> int:
        """Return the room that is left."""
        return max(0, self.limit - self.spent - self.held)


def refusal_of(error: DailiesError | None) -> Refusal | None:
    """Read a refusal of the wallet or a limit; None for any other error."""
    if not isinstance(error, InsufficientCredits | SpendLimitExceeded) or not error.details:
        return None
    facts: dict[str, Any] = error.details
    resets_at = facts.get("resets_at")
    return Refusal(
        scope="own" if facts.get("is_own") else facts["scope"],
        window=facts["window"],
        limit=facts["limit"],
        spent=facts["spent"],
        held=facts["held"],
        needed=facts["needed"],
        resets_at=datetime.fromtimestamp(resets_at, tz=UTC) if resets_at else None,
        raised_by=facts.get("raised_by", []),
        variants=[Variant(**variant) for variant in facts.get("variants", [])],
    )
