"""How long to wait after failures in a row, and how waits are spread. Pure."""

from dataclasses import dataclass
from datetime import timedelta

JITTER = 0.15  # the share that a wait is stretched by at the most


@dataclass(frozen=True, slots=True)
class Backoff:
    """A wait that doubles with each failure, from `first` up to `last`."""

    first: timedelta
    last: timedelta

    def after(self, failures: int) -> timedelta:
        """Return the wait after so many failures in a row; the first one's for none."""
        doublings = min(max(failures - 1, 0), 32)
        return min(self.last, self.first * (1 << doublings))


def jittered(wait: timedelta, jitter: float) -> timedelta:
    """Return `wait` stretched by `jitter`, from 0 up to 1, of the share `JITTER`.

    For what many do at once to somebody else's server: what failed together must not return
    together. What goes to a vendor is spread by send rates and the poll pool.
    """
    return wait * (1 + JITTER * jitter)
