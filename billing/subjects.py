"""What spend limits are set for, and credits held."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """What spend limits are set for, or credits held for: an opaque kind and id."""

    kind: str
    id: str
