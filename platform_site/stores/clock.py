"""Keep storing within the time that a background task has."""

import time


def in_time(ends: float) -> None:
    """Raise `OSError` once the moment `ends`, in seconds of monotonic time, is over."""
    if time.monotonic() > ends:
        raise OSError("Storing took too long for one attempt.")
