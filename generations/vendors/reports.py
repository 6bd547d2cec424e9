"""What a vendor says, in the product's words: every client returns these, whatever its wire says.

All of it can be stored, shown and logged: texts are cleaned, numbers bounded, secrets left out.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

# By these names a finished task says what it is, in `output.metadata` of our own API.
METADATA_NAMES = ("seed", "ratio", "duration", "resolution", "generate_audio", "framespersecond")


class TaskStatus(StrEnum):
    """Where a task stands at its vendor."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What a vendor says about one task. Times are unix seconds.

    `urls` are links that can be stored and fetched, in the vendor's order. Where it gave others
    only, `link_problem` says in a sentence what is wrong with the first one, and `links_said`
    pictures them for the log. `metadata` says what was made, under names of `METADATA_NAMES`;
    what a vendor leaves out is left out here. `moderated` says whether its moderation failed it.
    """

    id: str
    status: TaskStatus
    created_at: float | None = None
    completed_at: float | None = None
    urls: tuple[str, ...] = ()
    link_problem: str = ""
    links_said: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    error_code: str = ""
    error_message: str = ""
    moderated: bool = False

    @property
    def has_ended(self) -> bool:
        """Return whether the vendor will say nothing else about it."""
        return self.status in {TaskStatus.COMPLETED, TaskStatus.FAILED}


@dataclass(frozen=True, slots=True)
class CreditsReport:
    """A vendor's usage of one key, in credits; None for a sum that it leaves out.

    `problem` says in a sentence which sum is there and cannot be read.
    """

    balance: int | None
    total_purchased: int | None
    total_consumed: int | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedCallback:
    """What a vendor's POST to us claims, believed in nothing (P30); "" for what it leaves out."""

    task_id: str
    event: str
