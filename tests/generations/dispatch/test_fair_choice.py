"""The order in which queued generations go out, as a pure function."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generations.dispatch.fair_choice import Chosen, KeyRoom, PersonQueue, Queued, Shares, choose

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
WIRE = "https://one.example"


def queue(
    team: int, user: int, *priorities: int, key: int = 1, has_more: bool = False
) -> PersonQueue:
    first = [Queued(f"{key}.{team}.{user}.{n}", one, n) for n, one in enumerate(priorities)]
    return PersonQueue(key, team, user, first, has_more)


def chosen(
    queues: list[PersonQueue],
    *,
    rooms: Mapping[int, KeyRoom] | None = None,
    shares: Shares | None = None,
    most: int = 100,
    of_endpoint: int = 100,
) -> list[Chosen]:
    rooms = rooms or {one.provider_key_id: KeyRoom(WIRE, free=100) for one in queues}
    endpoints = {room.endpoint: of_endpoint for room in rooms.values()}
    shares = shares or Shares()
    return list(choose(queues, rooms, shares, of_endpoint=endpoints, most=most, now=NOW))


def owners(queues: list[PersonQueue], found: list[Chosen]) -> list[tuple[int, int]]:
    return [(queues[one.queue].team_id, queues[one.queue].user_id) for one in found]


def test_what_is_chosen_counts_for_what_follows() -> None:
    queues = [queue(1, 1, 0, 0, 0, 0), queue(1, 2, 0, 0), queue(2, 3, 0, 0, 0)]
    found = owners(queues, chosen(queues, most=6))
    assert [team for team, _ in found] == [1, 2] * 3
    assert [user for team, user in found if team == 1] == [1, 2, 1]


def test_of_equals_whoever_was_served_longest_ago_goes_first() -> None:
    queues = [queue(1, 1, 0), queue(2, 2, 0), queue(3, 3, 0)]
    shares = Shares()
    shares.note(1, in_flight=0, served=NOW)
    shares.note(2, in_flight=0, served=NOW - timedelta(seconds=1))
    shares.note(3, in_flight=0, served=None)
    assert [team for team, _ in owners(queues, chosen(queues, shares=shares))] == [3, 2, 1]


def test_a_priority_counts_within_its_team_and_for_the_person_who_has_it() -> None:
    queues = [queue(1, 1, 0, 0), queue(1, 2, 1, -1), queue(2, 3, -1, -1)]
    ids = [queues[one.queue].first[one.nth].id for one in chosen(queues)]
    assert ids == ["1.1.2.0", "1.2.3.0", "1.1.1.0", "1.2.3.1", "1.1.1.1", "1.1.2.1"]


@pytest.mark.parametrize(
    ("room", "count"),
    [
        (KeyRoom(WIRE, free=2), 2),
        (KeyRoom(WIRE, free=0), 0),
        (KeyRoom(WIRE, free=9, failures=1), 1),
        (KeyRoom(WIRE, free=9, next_send_at=NOW + timedelta(seconds=1)), 0),
        (KeyRoom(WIRE, free=9, per_minute=1), 1),
        (KeyRoom(WIRE, free=9, per_minute=122), 3),
        (KeyRoom(WIRE, free=9), 5),
    ],
    ids=["cap", "full", "after a failure", "waiting", "slow", "quick", "free"],
)
def test_a_key_sends_what_it_may_and_others_go_on(room: KeyRoom, count: int) -> None:
    queues = [queue(1, 1, *[0] * 5), queue(1, 1, 0, key=2)]
    found = chosen(queues, rooms={1: room, 2: KeyRoom("https://two.example", free=1)})
    assert Counter(one.queue for one in found) == Counter({0: count, 1: 1})
    assert room.free in {0, 2, 9}, "nothing that was given is changed"


def test_keys_of_one_endpoint_share_its_room() -> None:
    queues = [queue(1, 1, 0, 0, 0), queue(2, 2, 0, 0, 0, key=2)]
    found = chosen(queues, of_endpoint=4)
    assert Counter(one.queue for one in found) == {0: 2, 1: 2}


def test_what_was_not_read_counts_as_like_the_last_that_was() -> None:
    queues = [queue(1, 1, 0, has_more=True), queue(1, 2, -1, -1)]
    found = chosen(queues, most=5)
    assert [one.queue for one in found] == [0] * 5
    assert [one.nth for one in found] == list(range(5))


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 6)),
        max_size=12,
        unique_by=lambda one: one[:3],
    ),
    st.integers(0, 20),
)
def test_a_group_is_what_one_after_the_other_would_be(
    crowds: list[tuple[int, int, int, int]], most: int
) -> None:
    queues = [queue(team, user, *[0] * count, key=key) for team, user, key, count in crowds]
    whole = chosen(queues, most=most)
    assert len(whole) == min(most, sum(len(one.first) for one in queues))
    assert chosen(queues, most=most + 1)[:most] == whole
    for number in range(len(queues)):
        nth = [one.nth for one in whole if one.queue == number]
        assert nth == list(range(len(nth)))
    teams = Counter(queues[one.queue].team_id for one in whole)
    queued = Counter(one.team_id for one in queues for _ in one.first)
    unfinished = [team for team in queued if teams[team] < queued[team]]
    assert all(teams[team] >= max(teams.values(), default=0) - 1 for team in unfinished)
