"""How often each of many may do something in a minute, counted by each process for itself.

A bound on what one program can do to a process, not a quota: nothing is written, so that it costs
a busy database nothing, and several processes allow as many times as much.
"""

import threading
from collections.abc import Hashable
from datetime import datetime
from weakref import WeakSet

_MINUTE = 60
# Of strangers there may be any number; beyond this, newcomers of the minute share one count.
_MOST_COUNTED = 50_000
_every: "WeakSet[Rate]" = WeakSet()


class Rate:
    """At most so many times a minute for each who asks."""

    def __init__(self, most: int) -> None:
        """Start with everybody's minute unused."""
        self.most = most
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: dict[Hashable, int] = {}
        _every.add(self)

    def take(self, who: Hashable, *, now: datetime) -> bool:
        """Count one more for `who`, unless their minute is full; return whether it was not."""
        with self._lock:
            who = self._counted_as(who, now)
            used = self._counts.get(who, 0)
            if used >= self.most:
                return False
            self._counts[who] = used + 1
            return True

    def has_room(self, who: Hashable, *, now: datetime) -> bool:
        """Return whether `take` would count one more."""
        with self._lock:
            return self._counts.get(self._counted_as(who, now), 0) < self.most

    def details(self, now: datetime) -> dict[str, object]:
        """Return what a refusal says: the limit, its window, and in unix seconds when it resets."""
        resets_at = (_minute_of(now) + 1) * _MINUTE
        return {"limit": self.most, "window": "minute", "resets_at": resets_at}

    def forget(self) -> None:
        """Give everybody a fresh minute."""
        with self._lock:
            self._counts.clear()

    def _counted_as(self, who: Hashable, now: datetime) -> Hashable:
        minute = _minute_of(now)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        return who if who in self._counts or len(self._counts) < _MOST_COUNTED else None


def forget_rates() -> None:
    """Give everybody a fresh minute everywhere, as a process that has just started does."""
    for rate in list(_every):
        rate.forget()


def _minute_of(now: datetime) -> int:
    return int(now.timestamp()) // _MINUTE
