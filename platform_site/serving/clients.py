"""Everybody who is connected, and what they make the server keep."""

from collections.abc import Iterable, Iterator

from platform_site.serving.bounds import Bounds, affordable_connections
from platform_site.serving.connection import Connection, Doing


class Clients:
    """The open connections, of which a thread may be at some.

    Attributes:
        room: How many there may be.
    """

    def __init__(self, bounds: Bounds) -> None:
        """Begin with nobody. The open files that this process may have bound the room too."""
        self.room = affordable_connections(bounds.connections)
        self._kept_bytes = bounds.kept_bytes
        self._connections: set[Connection] = set()
        self._counted: dict[Connection, int] = {}
        self._kept = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        """Yield them; any may be removed meanwhile."""
        return iter(list(self._connections))

    @property
    def are_many(self) -> bool:
        """Return whether there is no room for one more."""
        return len(self) >= self.room

    @property
    def keep_too_much(self) -> bool:
        """Return whether what was counted is more than all together may keep."""
        return self._kept > self._kept_bytes

    def add(self, connection: Connection) -> None:
        """Let one in."""
        self._connections.add(connection)

    def remove(self, connection: Connection) -> None:
        """Let one go, with what it kept."""
        self._connections.discard(connection)
        self._kept -= self._counted.pop(connection, 0)

    def count(self, connection: Connection) -> None:
        """Count what a connection keeps now, in memory and on disk."""
        if connection in self._connections:
            kept = connection.kept
            self._kept += kept - self._counted.pop(connection, 0)
            if kept:
                self._counted[connection] = kept

    def least_active(self, *, before: float) -> Connection | None:
        """Return who has got on least recently, of those that no thread is at.

        None when all of them got on later than `before`, in the loop's time.
        """
        found = _longest_idle(self._connections)
        return found if found is not None and found.got_on_at <= before else None

    def least_active_that_keeps(self, *, but: Connection) -> Connection | None:
        """Return the same of those that keep something, but for one."""
        return _longest_idle(one for one in self._counted if one is not but)


def _longest_idle(connections: Iterable[Connection]) -> Connection | None:
    idle = (one for one in connections if one.doing is not Doing.ANSWERING)
    return min(idle, key=lambda one: one.got_on_at, default=None)
