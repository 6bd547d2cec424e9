"""How often the vendor is asked for a film and how late we hear, simulated; prints JSON."""

import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

from generations.polling.render_times import Expectation, expectation_from, seconds_to_next_look

FILMS = 2000
HISTORY = 200
ROUNDS = 5
MEDIAN_SECONDS = 180.0
SPREAD = 0.2  # of the logarithm: nine in ten lie between 130 and 250 s

Curve = Callable[[float], float]  # from seconds waited to seconds until the next look


@dataclass(frozen=True)
class Followed:
    """Mean polls a film, and the mean seconds from its end to the look that saw it."""

    polls: float
    late: float


def main() -> None:
    """Print rounds: the learnt curve, the one without a history, and a fixed one as quick."""
    rounds = []
    for seed in range(ROUNDS):
        dice = random.Random(seed)
        times = [_render_seconds(dice) for _ in range(FILMS)]
        learnt = _follow(
            times, _curve(expectation_from([_render_seconds(dice) for _ in range(HISTORY)]))
        )
        fixed = _follow(times, _curve(None))
        as_quick = _as_quick(times, learnt.late)
        rounds.append({"learnt": vars(learnt), "fixed": vars(fixed), "as_quick": vars(as_quick)})
    sys.stdout.write(json.dumps({"seconds": MEDIAN_SECONDS, "rounds": rounds}))


def _render_seconds(dice: random.Random) -> float:
    return MEDIAN_SECONDS * dice.lognormvariate(0, SPREAD)


def _curve(expected: Expectation | None) -> Curve:
    return lambda waited: seconds_to_next_look(waited, expected)


def _share(share: float) -> Curve:
    return lambda waited: max(1.0, waited * share)


def _as_quick(times: Sequence[float], late: float) -> Followed:
    """Find the fixed share of the time waited that hears so late on average."""
    low, high = 0.001, 1.0
    for _ in range(20):
        share = (low + high) / 2
        low, high = (share, high) if _follow(times, _share(share)).late < late else (low, share)
    return _follow(times, _share(low))


def _follow(times: Sequence[float], curve: Curve) -> Followed:
    outcomes = []
    for took in times:
        looked_at, polls = 1.0, 1
        while looked_at < took:
            looked_at += curve(looked_at)
            polls += 1
        outcomes.append((polls, looked_at - took))
    return Followed(mean(polls for polls, _ in outcomes), mean(late for _, late in outcomes))
