"""Rows 1, 2 and 11: generations accepted and submitted to the vendor, and the CPU of each."""

import time
from dataclasses import dataclass
from statistics import median

import httpx

from tests.bench.bench import LATENCY, Bench
from tests.bench.floor import Floor, measure_floor
from tests.bench.load import Plan, call
from tests.bench.report import NEEDS_BASE, Row, at_least, at_most, ratio_of, spread_of
from tests.bench.rows.parking import unpolled
from tests.bench.rows.requests import submission
from tests.bench.sites.installation import RunningSite
from tests.bench.sites.trees import Tree

CALLERS = 32
SECONDS = 8.0
WARM_UP_SECONDS = 3.0
WEB_WORKERS = 2
_LOOK_SECONDS = 0.05
_DRAIN_SECONDS = 120.0


@dataclass(frozen=True)
class Accepting:
    """One round; CPU is in milliseconds for each generation."""

    both_a_second: float  # accepted and submitted, the last submit included
    accepted_a_second: float
    cpu: float
    percentiles: tuple[float, float]  # of an answer to a submission, ms
    polls: float  # for each generation, that came before it was parked
    problems: list[str]


def measure(bench: Bench) -> list[Row]:
    """Let callers submit for some seconds, and wait until everything is submitted."""
    floors: list[Floor] = []

    def round_(tree: Tree) -> Accepting:
        if tree is bench.this:
            floors.extend(measure_floor(bench.server_url, 1))
        installation = bench.installation(tree)
        with installation.running("web", "worker", web_workers=WEB_WORKERS) as site:
            return accept(site, bench.vendor_url)

    figures = bench.interleaved(round_)
    ours, theirs = figures["this"], figures.get("base", [])
    problems = [problem for one in [*ours, *theirs] for problem in one.problems]
    p50, p99 = (median(one.percentiles[place] for one in ours) for place in (0, 1))
    conditions = (
        f"PostgreSQL, {WEB_WORKERS} web workers, one cluster, stub vendor of {1000 * LATENCY:.0f} "
        f"ms, {CALLERS} callers for {SECONDS:.0f} s, two limits over each generation; accepted "
        f"{median(one.accepted_a_second for one in ours):.1f} a second, p50 {p50:.0f} ms, p99 "
        f"{p99:.0f} ms; what is accepted is parked before its first poll"
    )
    base = bench.base.commit if bench.base else ""
    both = [one.both_a_second for one in ours]
    base_both = [one.both_a_second for one in theirs]
    cpu = [one.cpu for one in ours]
    base_cpu = [one.cpu for one in theirs]
    floor = [one.to_accepted for one in floors]
    return [
        Row.of(
            "Generations accepted and submitted a second",
            "a second",
            both,
            ratio=ratio_of(both, base_both),
            floor=f"times {base}'s {spread_of(base_both)}" if theirs else NEEDS_BASE,
            conditions=conditions,
            number=1,
            gate=at_least(15),
            aim=at_least(30),
            problems=problems,
        ),
        Row.of(
            "CPU a generation, web, worker and database",
            "ms",
            cpu,
            ratio=ratio_of(cpu, base_cpu),
            floor=f"of {base}'s {spread_of(base_cpu)} ms" if theirs else NEEDS_BASE,
            conditions=conditions,
            number=2,
            gate=at_most(0.058),
            aim=at_most(0.03),
            problems=problems,
        ),
        Row.of(
            "CPU a generation, create to accepted",
            "ms",
            cpu,
            ratio=ratio_of(cpu, floor),
            floor=f"times the fixed floor's {spread_of(floor)} ms for admission, claim and stored "
            "vendor id",
            conditions=conditions,
            number=11,
            gate=at_most(12),
            aim=at_most(6),
            problems=problems,
        ),
    ]


def accept(site: RunningSite, vendor_url: str) -> Accepting:
    """Measure one round on a running site, after a warm-up."""
    with (
        httpx.Client(base_url=vendor_url, trust_env=False, timeout=30) as vendor,
        unpolled(site),
    ):
        progress = _Progress(site, vendor)
        warm = call(_plan(site, WARM_UP_SECONDS, 0)).accepted
        progress.wait_for(warm)
        before, polls = site.used(), _count(vendor, "polls")
        begun = time.perf_counter()
        told = call(_plan(site, SECONDS, 10**6))
        submitted = progress.wait_for(warm + told.accepted) - warm
        seconds = time.perf_counter() - begun
        cpu = (site.used() - before).cpu
        polls = _count(vendor, "polls") - polls
    problems = told.problems
    if submitted < told.accepted:
        problems += [f"{told.accepted - submitted} of {told.accepted} were not submitted in time"]
    generations = max(1, told.accepted)
    return Accepting(
        both_a_second=submitted / seconds,
        accepted_a_second=told.accepted / told.seconds,
        cpu=1000 * cpu / generations,
        percentiles=told.percentiles,
        polls=polls / generations,
        problems=[f"{site.tree.commit}: {problem}" for problem in problems],
    )


class _Progress:
    """How many generations were submitted since a site was started."""

    def __init__(self, site: RunningSite, vendor: httpx.Client) -> None:
        """Begin while nothing is being submitted."""
        self._site = site
        self._vendor = vendor
        self._stored_before, self._seen_before = _stored(site), _count(vendor, "accepted")

    def wait_for(self, count: int) -> int:
        """Wait until so many have a stored vendor id; return how many have one in the end."""
        give_up_at = time.monotonic() + _DRAIN_SECONDS
        # The vendor's process is asked first: what the database counts is its CPU.
        while self._seen() < count and time.monotonic() < give_up_at:
            time.sleep(_LOOK_SECONDS)
        while self._stored() < count and time.monotonic() < give_up_at:
            time.sleep(_LOOK_SECONDS)
        return self._stored()

    def _seen(self) -> int:
        return _count(self._vendor, "accepted") - self._seen_before

    def _stored(self) -> int:
        return _stored(self._site) - self._stored_before


def _plan(site: RunningSite, seconds: float, first: int) -> Plan:
    return Plan(site.url, [submission(site)], CALLERS, seconds=seconds, first=first)


def _stored(site: RunningSite) -> int:
    [(count,)] = site.database.sql(
        "SELECT count(*) FROM generations_generation WHERE upstream_id IS NOT NULL"
    )
    return int(count)


def _count(vendor: httpx.Client, name: str) -> int:
    return int(vendor.get("/bench/counts").json()[name])
