"""What spend limits are set for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that spend limits may be set for: an opaque kind and id."""

    kind: str
    id: str
