"""Wait for what others do, and not forever."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def until(look: Callable[[], Value | None], *, seconds: float = 60, pause: float = 0.05) -> Value:
    """Look again and again until there is something to see; return it."""
    give_up_at = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < give_up_at, f"waited {seconds} s in vain; last: {seen!r}"
        time.sleep(pause)
    return seen
