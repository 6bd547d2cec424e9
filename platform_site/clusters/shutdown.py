"""Whether this worker has been told to stop: what loops and long tasks ask between two steps.

django-q2 lets each task that runs come to its end. A task that asks `is_shutting_down()` can end
early and hand back what it holds, so that another worker, or the next start, need not wait for a
claim to run out.
"""

import contextlib
import mmap
import os
import select


class _Request:
    """The request to stop, shared by all that are forked from here: a byte, and a pipe to wait by.

    No lock: a process that is killed while it holds one would leave the others waiting forever.
    """

    def __init__(self) -> None:
        self.flag = mmap.mmap(-1, 1)
        self.readable, self._writable = os.pipe()
        os.set_blocking(self._writable, False)

    def make(self) -> None:
        self.flag[0] = 1
        with contextlib.suppress(BlockingIOError):  # It has been told very often.
            os.write(self._writable, b"!")

    def close(self) -> None:
        self.flag.close()
        os.close(self.readable)
        os.close(self._writable)


_shared = [_Request()]


def request_shutdown() -> None:
    """Tell this process and all that were forked from it, or from its parents, to stop."""
    _shared[0].make()


def clear_shutdown() -> None:
    """Begin with nobody told to stop, together with what is forked from here from now on."""
    _shared.append(_Request())
    _shared.pop(0).close()


def is_shutting_down() -> bool:
    """Say whether to stop soon: begin nothing, finish or hand back what is in progress."""
    return _shared[0].flag[0] == 1


def shutdown_descriptor() -> int:
    """Return a descriptor to wait by beside others: readable once this process is to stop."""
    return _shared[0].readable


def shutdown_sleep(seconds: float) -> None:
    """Sleep, but no longer than until this process is to stop."""
    select.select([shutdown_descriptor()], [], [], seconds)
