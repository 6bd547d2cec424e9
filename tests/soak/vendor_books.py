"""The vendor's own truth, job by job and key by key."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import httpx

from tests.soak.plan import number_of


@dataclass(frozen=True, slots=True)
class VendorTask:
    """One task of the vendor's."""

    id: str
    status: str
    credits: int
    is_refunded: bool

    @property
    def charged(self) -> int:
        """Return what the vendor took for it."""
        return 0 if self.is_refunded else self.credits


class Books:
    """`GET /sandbox/books`, by job."""

    def __init__(self, books: dict[str, Any]) -> None:
        """Read the books."""
        self.tasks: dict[int, list[VendorTask]] = defaultdict(list)
        self.consumed: int = books["total_consumed"]
        self.strangers = 0
        """Credits of tasks that belong to no job: the films that were made beforehand."""
        for task in books["tasks"]:
            entry = VendorTask(task["id"], task["status"], task["credits"], task["refunded"])
            number = number_of(task["prompt"])
            if number is None:
                self.strangers += entry.charged
            else:
                self.tasks[number].append(entry)

    def task_of(self, number: int) -> VendorTask | None:
        """Return a job's first task, None when the vendor knows of none."""
        found = self.tasks.get(number)
        return found[0] if found else None


def read_books(vendor_url: str) -> Books:
    """Ask the vendor for its books."""
    reply = httpx.get(f"{vendor_url}/sandbox/books", timeout=60, trust_env=False)
    return Books(reply.raise_for_status().json())


def consumed_by(vendor_url: str, secret: str) -> int:
    """Return a key's usage at the vendor."""
    headers = {"Authorization": f"Bearer {secret}"}
    reply = httpx.get(f"{vendor_url}/v1/credits", headers=headers, timeout=60, trust_env=False)
    consumed: int = reply.raise_for_status().json()["data"]["total_consumed"]
    return consumed
