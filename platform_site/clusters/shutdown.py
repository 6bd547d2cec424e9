"""Whether this worker has been told to stop: what loops and long tasks ask between two steps.

django-q2 lets each task that runs come to its end. A task that asks `is_shutting_down()` can end
early and hand back what it holds, so that another worker, or the next start, need not wait for a
claim to run out.
"""

import contextlib
import mmap
import os
import select

# One byte that every process forked from here shares. No lock: a process that is killed while it
# holds one would leave the others waiting forever.
_flag = mmap.mmap(-1, 1)
# The same for who sleeps: readable once the byte is set.
_told, _tell = os.pipe()
os.set_blocking(_told, False)
os.set_blocking(_tell, False)


def request_shutdown() -> None:
    """Tell this process and all that were forked from it, or from its parents, to stop."""
    _flag[0] = 1
    with contextlib.suppress(BlockingIOError):  # It has been told very often.
        os.write(_tell, b"!")


def clear_shutdown() -> None:
    """Begin with nobody told to stop. Call it before forking."""
    _flag[0] = 0
    with contextlib.suppress(BlockingIOError):
        while os.read(_told, 512):
            pass


def is_shutting_down() -> bool:
    """Say whether to stop soon: begin nothing, finish or hand back what is in progress."""
    return _flag[0] == 1


def shutdown_descriptor() -> int:
    """Return a descriptor to wait by beside others: readable once this process is to stop."""
    return _told


def shutdown_sleep(seconds: float) -> None:
    """Sleep, but no longer than until this process is to stop."""
    select.select([_told], [], [], seconds)
