"""Who goes first: the order in which queued generations are sent. Pure.

Again and again: the team with the least in flight (of equals, the one served longest ago); in that
team the highest priority, of these the person with the least in flight (again, served longest ago),
then the oldest. What is chosen counts as in flight, and as served, for what is chosen after it.
Keys that have no room are passed over.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from generations.provider_keys import next_send_at


class Queued(NamedTuple):
    """A queued generation; its id and time as the database has them."""

    id: Any
    priority: int
    created_at: Any


@dataclass(frozen=True, slots=True)
class PersonQueue:
    """What a person has queued with a key in a team: its first ones, and whether there may be more.

    Never empty, unless there are no more.
    """

    provider_key_id: int
    team_id: int
    user_id: int
    first: Sequence[Queued]
    has_more: bool = True

    @property
    def owner(self) -> tuple[int, int, int]:
        """Return the key, the team and the person."""
        return self.provider_key_id, self.team_id, self.user_id


@dataclass(slots=True)
class KeyRoom:
    """What a key may send now: `free` counts its cap, the rest is about its rate."""

    endpoint: str
    free: int
    per_minute: int | None = None
    failures: int = 0
    next_send_at: datetime | None = None

    def may_send(self, now: datetime) -> bool:
        """Return whether it may send one more at `now`."""
        return self.free > 0 and (self.next_send_at is None or self.next_send_at <= now)

    def send(self, now: datetime) -> None:
        """Count one more."""
        self.free -= 1
        self.next_send_at = next_send_at(
            self.next_send_at, per_minute=self.per_minute, failures=self.failures, now=now
        )


# Of whom: a team, or a person of a team.
Owner = int | tuple[int, int]
# Never, at a time that the database has, or as so many have been chosen.
Served = tuple[int, Any]
_NEVER: Served = (0, 0)


@dataclass(slots=True)
class Shares:
    """How much each team and each person has in flight, and when they were last served."""

    in_flight: defaultdict[Owner, int] = field(default_factory=lambda: defaultdict(int))
    served: dict[Owner, Served] = field(default_factory=dict)

    def note(self, owner: Owner, *, in_flight: int, served: object) -> None:
        """Set what the database says of somebody; `served` is None for never."""
        self.in_flight[owner] = in_flight
        self.served[owner] = _NEVER if served is None else (1, served)

    def rank(self, owner: Owner) -> tuple[int, Served]:
        """Return what comes first when it is least."""
        return self.in_flight[owner], self.served.get(owner, _NEVER)

    def serve(self, owner: Owner, number: int) -> None:
        """Count one more, the `number`th to be chosen."""
        self.in_flight[owner] += 1
        self.served[owner] = (2, number)

    def copy(self) -> "Shares":
        """Return one that changes on its own."""
        return Shares(self.in_flight.copy(), self.served.copy())


class Chosen(NamedTuple):
    """The queue whose next generation goes out: which of those given, and which of its own."""

    queue: int
    nth: int


def choose(
    queues: Sequence[PersonQueue],
    rooms: Mapping[int, KeyRoom],
    shares: Shares,
    *,
    of_endpoint: Mapping[str, int],
    most: int,
    now: datetime,
) -> Iterator[Chosen]:
    """Yield up to `most` generations in the order in which they go out; change nothing given.

    `rooms` are by key, `of_endpoint` has how many each endpoint takes now. Where a queue may have
    more than was read, what follows counts as like the last that was: who needs to know stops at
    the first that was not read.
    """
    rooms = {key: replace(room) for key, room in rooms.items()}
    shares, left = shares.copy(), dict(of_endpoint)
    taken = [0] * len(queues)
    teams: dict[int, list[int]] = defaultdict(list)
    for number, queue in enumerate(queues):
        teams[queue.team_id].append(number)

    def is_open(number: int) -> bool:
        queue = queues[number]
        if taken[number] >= len(queue.first) and not (queue.has_more and queue.first):
            return False
        room = rooms[queue.provider_key_id]
        return left[room.endpoint] > 0 and room.may_send(now)

    def rank(number: int) -> tuple[Any, ...]:
        queue = queues[number]
        following = queue.first[min(taken[number], len(queue.first) - 1)]
        person = shares.rank((queue.team_id, queue.user_id))
        return -following.priority, person, following.created_at, following.id

    for count in range(most):
        open_queues: list[int] = []
        for team in sorted(teams, key=lambda team: (shares.rank(team), team)):
            # Room only shrinks: what is closed stays closed.
            open_queues = teams[team] = [number for number in teams[team] if is_open(number)]
            if open_queues:
                break
            del teams[team]
        if not open_queues:
            return
        number = min(open_queues, key=rank)
        queue = queues[number]
        yield Chosen(number, taken[number])
        taken[number] += 1
        room = rooms[queue.provider_key_id]
        room.send(now)
        left[room.endpoint] -= 1
        shares.serve(queue.team_id, count)
        shares.serve((queue.team_id, queue.user_id), count)
