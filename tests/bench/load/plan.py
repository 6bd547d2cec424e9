"""What callers shall do, handed to their process, and what they tell afterwards."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import quantiles

_PATIENCE = 180.0  # seconds beyond the plan's own


@dataclass(frozen=True)
class Request:
    """One request; `{n}` in headers and body is a number that no other request has, `{n12}` the
    same in twelve digits.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: str = ""


@dataclass(frozen=True)
class Plan:
    """Callers go through `requests` in turn, each on a connection of its own, without a pause.

    They stop after `seconds`, or once `count` requests were sent by all of them together. With
    `insist` a request whose connection breaks is sent again until it is answered.
    """

    url: str
    requests: list[Request]
    callers: int
    seconds: float = 0.0
    count: int = 0
    first: int = 0  # where the numbers begin
    insist: bool = False


@dataclass(frozen=True)
class Told:
    """What was answered. Latencies are seconds, in the order of the answers."""

    seconds: float
    statuses: dict[str, int]
    latencies: list[float]
    unexpected: list[str]  # the first answers of 500 or more, and broken connections

    @property
    def answers(self) -> int:
        """Return how many requests were answered, whatever was said."""
        return sum(self.statuses.values())

    @property
    def accepted(self) -> int:
        """Return how many requests were answered by 200."""
        return self.statuses.get("200", 0)

    @property
    def percentiles(self) -> tuple[float, float]:
        """Return the median and the 99th percentile in milliseconds."""
        if len(self.latencies) < 2:
            return 0.0, 0.0
        cuts = quantiles(self.latencies, n=100)
        return 1000 * cuts[49], 1000 * cuts[98]

    @property
    def problems(self) -> list[str]:
        """Return what went wrong on the way, one sentence each; refusals are answers."""
        counted = Counter(self.unexpected)
        return [f"{count} × {problem}" for problem, count in counted.most_common(5)]


def begin(plan: Plan) -> "subprocess.Popen[str]":
    """Let the callers begin; `finish` waits for them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load.callers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(plan)) + "\n")
    process.stdin.flush()
    return process


def finish(process: "subprocess.Popen[str]", plan: Plan) -> Told:
    """Wait for the callers and return what they tell."""
    output, _ = process.communicate(timeout=plan.seconds + _PATIENCE)
    if process.returncode:
        raise RuntimeError("The callers ended with an error.")
    return Told(**json.loads(output))


def call(plan: Plan) -> Told:
    """Let the callers do what is planned and return what they tell."""
    return finish(begin(plan), plan)
