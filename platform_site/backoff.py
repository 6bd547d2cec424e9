"""How long to wait after failures in a row: the one rule for all that is tried again. Pure."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """A wait that doubles with each failure, from `first` up to `last`."""

    first: timedelta
    last: timedelta

    def after(self, failures: int, *, jitter: float = 0.0) -> timedelta:
        """Return the wait after so many failures in a row; the first one's for none.

        `jitter` stretches it by that share, so that what failed together does not return together.
        """
        doublings = min(max(failures - 1, 0), 32)
        return min(self.last, self.first * (1 << doublings)) * (1 + jitter)
