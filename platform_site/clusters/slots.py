"""Slots: how many workers of a cluster somebody else's server may hold up at once.

A slot is a record lock on one byte of a nameless file that the cluster's processes share by fork.
The kernel frees the slot of a worker that dies, so none is ever lost, and nobody waits for one.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


def _nameless() -> int:
    with tempfile.TemporaryFile(prefix="dailies-slots-") as file:
        return os.dup(file.fileno())


_files = [_nameless()]


def renew_slots() -> None:
    """Have slots of our own from now on, together with what is forked from here."""
    _files.append(_nameless())
    os.close(_files.pop(0))


@contextmanager
def slot(*, among: int) -> Iterator[bool]:
    """Hold one of the cluster's first `among` slots for the block; yield False if all are taken.

    It belongs to the process: its threads do not keep each other out.
    """
    taken = next((number for number in range(among) if _take(number)), None)
    try:
        yield taken is not None
    finally:
        if taken is not None:
            fcntl.lockf(_files[0], fcntl.LOCK_UN, 1, taken)


def _take(number: int) -> bool:
    try:
        fcntl.lockf(_files[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
    except BlockingIOError:
        return False
    return True
