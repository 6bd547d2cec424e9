"""Whether this worker has been told to stop: what loops and long tasks ask between two steps.

django-q2 lets each task that runs come to its end. A task that asks `is_shutting_down()` can end
early and hand back what it holds, so that another worker, or the next start, need not wait for a
claim to run out.
"""

import mmap

# One byte that every process forked from here shares. No lock: a process that is killed while it
# holds one would leave the others waiting forever.
_flag = mmap.mmap(-1, 1)


def request_shutdown() -> None:
    """Tell this process and all that were forked from it, or from its parents, to stop."""
    _flag[0] = 1


def clear_shutdown() -> None:
    """Begin with nobody told to stop. Call it before forking."""
    _flag[0] = 0


def is_shutting_down() -> bool:
    """Say whether to stop soon: begin nothing, finish or hand back what is in progress."""
    return _flag[0] == 1
