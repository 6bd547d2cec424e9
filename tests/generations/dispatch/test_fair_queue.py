"""Whose turn it is: nobody waits behind somebody else's hundreds, and no key sends too much."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership
from accounts.roles import Role
from generations.dispatch import fair_queue
from generations.lifecycle import State
from generations.models import Generation, Priority, ProviderKey
from generations.ordering.submit import Submission, submit_batch
from generations.provider_keys.service import pause_provider_key
from tests.factories import (
    SYSTEM,
    make_generation,
    make_member,
    make_provider_key,
    make_request,
    make_team,
)
from tests.support.claiming import claim_all, claim_at_once, claims, limit_sends
from tests.support.crowds import land, make_crowd
from tests.support.races import race
from tests.support.vendor import Vendor
from tests.support.working import CHEAP

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def priority(job: Generation, value: Priority) -> Generation:
    Generation.objects.filter(pk=job.pk).update(priority=value)
    return job


@pytest.fixture
def neighbours(vendor: Vendor) -> Membership:
    """The owner of another team with credits and a key of its own."""
    team = make_team("Next door", credits=5000)
    make_provider_key(team)
    return make_member(team, Role.OWNER)


@pytest.mark.parametrize("quick", [True, False], ids=["quick vendor", "slow vendor"])
@pytest.mark.both_databases
def test_p26_one_job_behind_five_hundred_starts_among_the_first_ten(
    alice: Membership, bob: Membership, quick: bool
) -> None:
    """Also when each job is over before the next look, and nothing is ever in flight."""
    make_crowd(alice, 500)
    early = claims(5)
    his = make_generation(bob, **CHEAP)
    started: list[Generation] = []
    for _ in range(10):
        if quick:
            for one in [*early, *started]:
                land(one)
        started += claims(1)
    assert his in started
    assert [one.user for one in early] == [alice.user] * 5


@pytest.mark.both_databases
def test_people_of_a_team_take_turns(alice: Membership, bob: Membership) -> None:
    for member in (alice, bob):
        make_crowd(member, 5)
    users = [one.user_id for one in claims(10)]
    assert all(before != after for before, after in pairwise(users))


@pytest.mark.both_databases
def test_teams_take_turns_however_many_people_they_have(
    alice: Membership, bob: Membership, neighbours: Membership
) -> None:
    for member in (alice, bob, neighbours):
        make_crowd(member, 6)
    teams = Counter(one.team_id for one in claims(12))
    assert teams == {alice.team_id: 6, neighbours.team_id: 6}


def test_who_has_much_in_flight_goes_after_who_has_little(
    alice: Membership, bob: Membership
) -> None:
    make_crowd(alice, 8)
    busy = claims(4)
    make_crowd(bob, 4)
    assert {one.user_id for one in claims(4)} == {bob.user_id}
    assert {one.user_id for one in busy} == {alice.user_id}


def test_a_persons_jobs_go_by_age(alice: Membership) -> None:
    crowd = make_crowd(alice, 6)
    assert claims(6) == crowd


def test_p37_a_batch_goes_out_in_its_order(alice: Membership) -> None:
    orders = [Submission(make_request(alice.team, f"Shot {n}", **CHEAP)) for n in range(12)]
    submit_batch(orders, by=By.member(alice), now=timezone.now())
    later = timezone.now() + timedelta(seconds=1)
    assert [one.prompt for one in claims(12, now=later)] == [f"Shot {n}" for n in range(12)]


@pytest.mark.both_databases
def test_high_goes_before_and_low_after_the_teams_other_jobs(
    alice: Membership, bob: Membership
) -> None:
    low = priority(make_generation(alice, **CHEAP), Priority.LOW)
    usual = [make_generation(alice, **CHEAP), make_generation(bob, **CHEAP)]
    high = priority(make_generation(alice, **CHEAP), Priority.HIGH)
    order = claims(4)
    assert (order[0], order[3]) == (high, low)
    assert set(order[1:3]) == set(usual)


def test_a_priority_never_takes_another_teams_turn(
    alice: Membership, neighbours: Membership
) -> None:
    make_crowd(alice, 6, priority=Priority.HIGH)
    make_crowd(neighbours, 6, priority=Priority.LOW)
    teams = [one.team_id for one in claims(12)]
    assert all(before != after for before, after in pairwise(teams))


@pytest.mark.both_databases
@pytest.mark.parametrize("trouble", ["full", "paused", "waiting"])
def test_p36_jobs_of_a_key_that_cannot_send_block_nobody_elses(
    alice: Membership, neighbours: Membership, provider_key: ProviderKey, trouble: str
) -> None:
    make_crowd(alice, 20)
    later = timezone.now() + timedelta(hours=1)
    if trouble == "full":
        limit_sends(provider_key, at_once=1)
        claims(1)
    elif trouble == "paused":
        pause_provider_key(provider_key, reason="x", by=SYSTEM)
    else:
        ProviderKey.objects.filter(pk=provider_key.pk).update(next_send_at=later)
    theirs = make_crowd(neighbours, 3)
    assert claims(5) == theirs
    assert Generation.objects.filter(team=alice.team, state=State.QUEUED).count() >= 19


@pytest.mark.both_databases
@pytest.mark.parametrize("at_once", [1, 5, 30])
def test_a_group_is_in_the_order_that_claims_one_by_one_would_have(
    alice: Membership, bob: Membership, neighbours: Membership, at_once: int
) -> None:
    for member in (alice, bob, neighbours):
        make_crowd(member, 12)
    for number, one in enumerate(Generation.objects.filter(user=bob.user).order_by("created_at")):
        priority(one, Priority.HIGH if number == 5 else Priority.NORMAL)
    order: list[Generation] = []
    while len(order) < 30:
        order += claim_at_once(min(at_once, 30 - len(order)))
    teams = [one.team_id for one in order]
    assert abs(teams[:24].count(alice.team_id) - teams[:24].count(neighbours.team_id)) <= 1
    ours = [one.user_id for one in order if one.team_id == alice.team_id]
    assert ours[0] == bob.user_id, "his high one goes first"
    assert abs(ours.count(alice.user_id) - ours.count(bob.user_id)) <= 1
    for member in (alice, bob, neighbours):
        theirs = [one for one in order if one.user_id == member.user_id]
        assert theirs == sorted(theirs, key=lambda one: (-one.priority, one.created_at))


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at_once", [1, 2, 16])
def test_p01_claims_that_race_for_three_slots_take_three(
    alice: Membership, bob: Membership, provider_key: ProviderKey, at_once: int
) -> None:
    limit_sends(provider_key, at_once=3)
    for member in (alice, bob):
        make_crowd(member, 30)
    outcomes = race(20, lambda _: claim_all(now=timezone.now(), at_once=at_once))
    claimed = _claimed(outcomes)
    assert len(claimed) == len({one.pk for one in claimed}) == 3
    assert Generation.objects.filter(state=State.SUBMITTING).count() == 3


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p26_racing_claims_take_different_jobs_in_turn(
    alice: Membership, bob: Membership, neighbours: Membership, provider_key: ProviderKey
) -> None:
    limit_sends(provider_key, at_once=40)
    for member in (alice, bob, neighbours):
        make_crowd(member, 40)
    claimed = _claimed(race(20, lambda _: claim_all(now=timezone.now(), at_once=7)))
    assert len({one.pk for one in claimed}) == len(claimed)
    people = Counter(one.user_id for one in claimed if one.team_id == alice.team_id)
    assert people == {alice.user_id: 20, bob.user_id: 20}


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_rate_holds_under_a_race(alice: Membership, provider_key: ProviderKey) -> None:
    limit_sends(provider_key, per_minute=1)
    make_crowd(alice, 20)
    now = timezone.now()
    assert len(_claimed(race(20, lambda _: claim_all(now=now, at_once=4)))) == 1


def _claimed(outcomes: list[list[Generation] | Exception]) -> list[Generation]:
    assert [one for one in outcomes if isinstance(one, Exception)] == []
    return [one for group in outcomes if isinstance(group, list) for one in group]


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize("rate", [1, 7, 60, 200])
def test_a_key_sends_its_rate_and_never_more_in_any_minute(
    alice: Membership, provider_key: ProviderKey, rate: int, at_once: int
) -> None:
    limit_sends(provider_key, per_minute=rate)
    make_crowd(alice, 3 * rate + 5)
    start, sent = timezone.now(), list[datetime]()
    for step in range(2 * 180):  # three minutes of looks, two a second
        now = start + timedelta(seconds=step / 2)
        sent += [now] * len(claim_all(now=now, at_once=at_once))
    for first, at in enumerate(sent):
        minute = [one for one in sent[first:] if one < at + timedelta(minutes=1)]
        assert len(minute) <= rate
    assert len(sent) >= 3 * rate * 0.95 - 1


# What a look costs


@pytest.mark.both_databases
def test_a_look_costs_as_much_with_ten_thousand_queued_as_with_a_hundred(
    alice: Membership, bob: Membership, provider_key: ProviderKey
) -> None:
    limit_sends(provider_key)
    make_crowd(bob, 50)
    make_crowd(alice, 50)
    few = _work_of_a_look()
    make_crowd(alice, 10_000)
    assert _work_of_a_look() <= 2 * few


def _work_of_a_look() -> float:
    """Return the work of one look: steps of SQLite's machine, or rows that PostgreSQL touched."""
    if connection.vendor == "postgresql":
        every = {"now": timezone.now(), "first_key": 0, "last_key": 2**63 - 1}
        person = fair_queue._OF_PERSON.format(number=0)
        [(key, team, user)] = Generation.objects.values_list(
            "provider_key", "team", "user"
        ).distinct()[:1]
        return (
            _rows_of(fair_queue._SENDABLE, every)
            + _rows_of(fair_queue._CANDIDATES, every)
            + _rows_of(person, [timezone.now(), key, team, user, 16])
        )
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(count, 10)
    try:
        assert claim_at_once(16)
    finally:
        connection.connection.set_progress_handler(None, 0)
    return steps


def _rows_of(sql: str, parameters: Any) -> float:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, parameters)
        (plan,) = cursor.fetchone()
    return _rows(plan[0]["Plan"])


def _rows(plan: dict[str, Any]) -> float:
    """Add up what each node of a plan returned or threw away."""
    touched = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    own: float = touched * plan["Actual Loops"]
    return own + sum(_rows(part) for part in plan.get("Plans", []))
