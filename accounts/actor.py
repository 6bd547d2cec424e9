"""On whose behalf something happens: carried from the edge to every entry and event (P35)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A name for the books (`ada@example.com`, `system:sweep`) and the request it came with."""

    name: str
    request_id: str = ""

    def __str__(self) -> str:
        """Return the name."""
        return self.name


def system_actor(part: str, *, request_id: str = "") -> Actor:
    """Return the actor for background work of `part`, such as `sweep` or `submit`."""
    return Actor(name=f"system:{part}", request_id=request_id)
