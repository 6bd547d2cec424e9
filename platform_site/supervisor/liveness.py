"""A child's sign of life: the moment of the last one, in a nameless file that both sides hold open.

Nothing is left of it when both have gone, and it needs neither database nor network. The moment
is of the machine's monotonic clock, which all its processes share and nobody sets.
"""

import contextlib
import os
import struct
import tempfile
import time
from collections.abc import Mapping

VARIABLE = "LIVENESS_FD"
_MOMENT = struct.Struct("d")


class Liveness:
    """One end of it. `descriptor` is to be passed to the child, its number as `LIVENESS_FD`."""

    def __init__(self, descriptor: int) -> None:
        """Use an open file that holds a moment, or nothing yet."""
        self.descriptor = descriptor

    @classmethod
    def make(cls) -> "Liveness":
        """Make one without a sign of life, for a supervisor."""
        with tempfile.TemporaryFile(prefix="dailies-liveness-") as file:
            return cls(os.dup(file.fileno()))

    @classmethod
    def of_this_process(cls, environ: Mapping[str, str]) -> "Liveness | None":
        """Return what our supervisor has passed; None without one."""
        number = environ.get(VARIABLE, "")
        return cls(int(number)) if number.isdigit() else None

    def signal(self) -> None:
        """Give a sign of life. Does nothing where the file is no longer ours."""
        with contextlib.suppress(OSError):
            os.pwrite(self.descriptor, _MOMENT.pack(time.monotonic()), 0)

    def silence_seconds(self) -> float | None:
        """Return the seconds since the last sign of life; None if there was none."""
        data = os.pread(self.descriptor, _MOMENT.size, 0)
        if len(data) < _MOMENT.size:
            return None
        moment: float = _MOMENT.unpack(data)[0]
        return max(0.0, time.monotonic() - moment)
