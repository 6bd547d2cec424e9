"""Where a queued generation stands and when it may start: a forecast that is honest and cheap."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Membership
from generations.dispatch.queue_position import (
    KeyQueue,
    Queue,
    QueuePosition,
    generations_before,
    positions_of,
    seconds_to_start,
)
from generations.lifecycle import State
from generations.models import Generation, Priority, ProviderKey
from generations.polling.render_times import Expectation
from generations.provider_keys.service import pause_provider_key, set_send_rate
from tests.factories import SYSTEM, make_generation
from tests.support.claiming import claim_next
from tests.support.crowds import make_crowd

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
USUAL = Expectation(p5=50, p50=60, p90=80, p95=90, count=20)
A, B, C = 1, 2, 3  # people


def line(
    queued: Queue, flying: dict[int, int] | None = None, remaining: Sequence[float] | None = ()
) -> KeyQueue:
    return KeyQueue(queued=queued, in_flight=flying or {}, remaining=remaining)


@pytest.mark.parametrize(
    ("queued", "flying", "person", "priority", "older", "before"),
    [
        ({(A, 0): 5}, {}, A, 0, 4, 4),
        ({(A, 0): 500, (B, 0): 1}, {}, B, 0, 0, 0),
        ({(A, 0): 500, (B, 0): 3}, {}, B, 0, 2, 4),
        ({(A, 0): 500, (B, 0): 1}, {B: 4}, B, 0, 0, 4),
        ({(A, 0): 500, (B, 0): 1}, {A: 9}, B, 0, 0, 0),
        ({(A, 0): 500, (B, 0): 3, (C, 0): 1}, {}, A, 0, 10, 14),
        ({(A, 1): 7, (B, 0): 2}, {}, B, 0, 0, 7),
        ({(A, -1): 7, (B, 0): 2}, {}, A, -1, 0, 2),
    ],
)
def test_a_place_counts_those_whose_turn_comes_first(
    queued: Queue, flying: dict[int, int], person: int, priority: int, older: int, before: int
) -> None:
    assert (
        generations_before(line(queued, flying), person=person, priority=priority, older=older)
        == before
    )


@pytest.mark.parametrize(
    ("cap", "flying", "remaining", "number", "seconds"),
    [
        (5, 2, [10.0, 20.0], 3, 0.0),  # there is room
        (2, 2, [10.0, 20.0], 1, 10.0),
        (2, 2, [10.0, 20.0], 2, 20.0),
        (2, 2, [10.0, 20.0], 3, 70.0),  # after the first's successor
        (2, 2, [float("inf"), float("inf")], 1, None),  # overdue: nobody knows
        (2, 2, None, 1, None),  # no history
    ],
)
def test_a_start_waits_for_those_in_flight(
    cap: int, flying: int, remaining: list[float] | None, number: int, seconds: float | None
) -> None:
    key = ProviderKey(max_in_flight=cap)
    found = seconds_to_start(
        line({}, {A: flying}, remaining), key, number=number, usual=USUAL, now=NOW
    )
    assert found == seconds


def test_a_start_waits_for_the_keys_rate_and_its_back_off() -> None:
    key = ProviderKey(max_in_flight=100, per_minute=6, next_send_at=NOW + timedelta(seconds=30))
    assert seconds_to_start(line({}), key, number=4, usual=None, now=NOW) == 60
    key.state = ProviderKey.State.PAUSED
    assert seconds_to_start(line({}), key, number=4, usual=USUAL, now=NOW) is None


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (QueuePosition(1, 0), "Next in line, starts in a moment"),
        (QueuePosition(2, 41), "2nd in line, starts in about 50 s"),
        (QueuePosition(2, 51), "2nd in line, starts in about 1 min"),
        (QueuePosition(3, 230), "3rd in line, starts in about 4 min"),
        (QueuePosition(11, None), "11th in line"),
        (QueuePosition(1021, 9000), "1,021st in line, starts in about 3 hours"),
    ],
)
def test_words_are_no_more_exact_than_what_is_known(place: QueuePosition, words: str) -> None:
    assert place.words.replace("\N{NO-BREAK SPACE}", " ") == words


@pytest.mark.both_databases
@pytest.mark.django_db
def test_places_are_those_in_which_jobs_really_go_out(
    alice: Membership, bob: Membership, provider_key: ProviderKey
) -> None:
    jobs = [*make_crowd(alice, 7), *make_crowd(bob, 4)]
    Generation.objects.filter(pk__in=[jobs[5].pk, jobs[9].pk]).update(priority=Priority.HIGH)
    Generation.objects.filter(pk=jobs[0].pk).update(priority=Priority.LOW)
    rows = list(Generation.objects.filter(state=State.QUEUED))
    forecast = positions_of(rows, now=timezone.now())
    order: list[Generation] = []
    while one := claim_next(now=timezone.now()):
        order.append(one)
    for real, one in enumerate(order, start=1):
        # Of two whose turns come at once either may be first.
        assert abs(forecast[one.pk].number - real) <= 1, one
    assert forecast[jobs[0].pk].number == len(jobs)


@pytest.mark.django_db
def test_a_list_costs_the_same_however_long_the_line_is(
    alice: Membership,
    provider_key: ProviderKey,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    jobs = make_crowd(alice, 300)
    positions_of(jobs[:1], now=timezone.now())
    with django_assert_max_num_queries(5):
        places = positions_of(jobs[-50:], now=timezone.now())
    assert [places[one.pk].number for one in jobs[-50:]] == list(range(251, 301))


@pytest.mark.django_db
def test_without_a_history_there_is_a_place_and_no_time(
    alice: Membership, provider_key: ProviderKey
) -> None:
    set_send_rate(provider_key, max_in_flight=1, per_minute=None, by=SYSTEM)
    make_generation(alice, State.PROCESSING)
    job = make_generation(alice)
    assert positions_of([job], now=timezone.now())[job.pk] == QueuePosition(1, None)
    pause_provider_key(provider_key, reason="x", by=SYSTEM)
    assert positions_of([job], now=timezone.now())[job.pk].seconds is None
    assert positions_of([make_generation(alice, State.PROCESSING)], now=timezone.now()) == {}
