"""Learnt render times: when to look is decided by what films of that kind took."""

import random
from collections.abc import Callable

import pytest

from generations.polling.render_times import (
    FEWEST,
    FEWEST_TO_LEARN,
    LONGEST_INTERVAL,
    LONGEST_WAIT,
    SHORTEST_INTERVAL,
    Expectation,
    expectation_from,
    seconds_to_next_look,
)

EVEN = expectation_from([float(second) for second in range(100, 200)])
KINDS: dict[str, Callable[[random.Random], float]] = {
    "minutes": lambda dice: 180 * dice.lognormvariate(0, 0.2),
    "seconds": lambda dice: 30 * dice.lognormvariate(0, 0.3),
    "two ways": lambda dice: (45 if dice.random() < 0.5 else 300) * dice.lognormvariate(0, 0.1),
    "always the same": lambda _dice: 60.0,
}


def followed(took: float, expected: Expectation | None) -> tuple[int, float]:
    """Return how often a film that took so long was asked about, and the delay in seconds."""
    looked_at, looks = 1.0, 1
    while looked_at < took:
        looked_at += seconds_to_next_look(looked_at, expected)
        looks += 1
    return looks, looked_at - took


def test_quantiles_are_times_that_were_measured() -> None:
    assert expectation_from([float(n) for n in range(1, 101)]) == Expectation(
        p5=5, p50=50, p90=90, p95=95, count=100
    )
    assert expectation_from([3.0, 1.0, 2.0]) == Expectation(p5=1, p50=2, p90=3, p95=3, count=3)
    assert expectation_from([1.0] * (FEWEST - 1)) is None


def test_looks_are_sparse_then_dense_then_ever_rarer() -> None:
    assert EVEN is not None
    interval = EVEN.interval
    assert SHORTEST_INTERVAL < interval <= LONGEST_INTERVAL
    assert seconds_to_next_look(1, EVEN) > 4 * interval
    dense = [seconds_to_next_look(waited, EVEN) for waited in (100, 150, 190, 200)]
    assert dense == [interval] * 4
    after = [seconds_to_next_look(waited, EVEN) for waited in (230, 260, 400, 4000, 10**6)]
    assert after == sorted(after)
    assert after[-1] == LONGEST_WAIT


def test_no_leap_goes_beyond_the_expected_end() -> None:
    assert EVEN is not None
    for waited in range(1, 94):
        assert waited + seconds_to_next_look(waited, EVEN) <= EVEN.earliest + EVEN.interval


@pytest.mark.parametrize("history", [None, expectation_from([60.0] * (FEWEST_TO_LEARN - 1))])
def test_without_enough_history_a_tenth_of_the_time_waited(history: Expectation | None) -> None:
    waits = [seconds_to_next_look(waited, history) for waited in (-5, 0, 5, 50, 200, 10**6)]
    assert waits == [1, 1, 1, 5, 20, 30]


@pytest.mark.parametrize("name", KINDS)
def test_a_learnt_history_asks_less_and_hears_sooner(name: str) -> None:
    dice = random.Random(name)
    times = [KINDS[name](dice) for _ in range(1000)]
    learnt = expectation_from([KINDS[name](dice) for _ in range(200)])
    fixed_looks, fixed_delay = summed(times, None)
    looks, delay = summed(times, learnt)
    assert looks < 0.6 * fixed_looks
    assert delay < fixed_delay


def summed(times: list[float], expected: Expectation | None) -> tuple[int, float]:
    outcomes = [followed(took, expected) for took in times]
    return sum(looks for looks, _ in outcomes), sum(delay for _, delay in outcomes)
