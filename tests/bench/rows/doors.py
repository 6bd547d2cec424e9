"""Row 13: what many callers at all doors are answered, refusals with their variants included."""

from dataclasses import dataclass, replace
from statistics import median

from tests.bench.bench import Bench
from tests.bench.load import Plan, call
from tests.bench.report import NEEDS_BASE, Row, at_least, ratio_of, spread_of
from tests.bench.rows.parking import unpolled
from tests.bench.rows.portal import Person
from tests.bench.rows.reading import working
from tests.bench.rows.requests import submission
from tests.bench.sites.installation import RunningSite
from tests.bench.sites.trees import Tree

CALLERS = 64
SECONDS = 8.0
WARM_UP_SECONDS = 3.0
WEB_WORKERS = {"PostgreSQL": 2, "SQLite": 1}
GOALS = {"PostgreSQL": (6, 15), "SQLite": (2, 5)}


@dataclass(frozen=True)
class Answers:
    """One round."""

    a_second: float
    percentiles: tuple[float, float]  # ms
    statuses: dict[str, int]
    problems: list[str]


def measure(bench: Bench) -> list[Row]:
    """Measure both databases."""
    return [_row(bench, kind) for kind in GOALS]


def measure_postgres(bench: Bench) -> list[Row]:
    """Measure PostgreSQL alone."""
    return [_row(bench, "PostgreSQL")]


def _row(bench: Bench, kind: str) -> Row:
    def round_(tree: Tree) -> Answers:
        installation = bench.installation(tree, kind)
        with (
            installation.running("web", "worker", web_workers=WEB_WORKERS[kind]) as site,
            unpolled(site),
        ):
            return answers(site, installation.tight_key)

    figures = bench.interleaved(round_)
    ours, theirs = figures["this"], figures.get("base", [])
    speeds, base_speeds = ([one.a_second for one in side] for side in (ours, theirs))
    p50, p99 = (median(one.percentiles[place] for one in ours) for place in (0, 1))
    notes = "; ".join(["", *bench.notes()])
    gate, aim = GOALS[kind]
    return Row.of(
        f"Answers a second through all doors, {kind}",
        "a second",
        speeds,
        ratio=ratio_of(speeds, base_speeds),
        floor=f"times {bench.base.commit}'s {spread_of(base_speeds)}" if bench.base else NEEDS_BASE,
        conditions=f"{CALLERS} callers for {SECONDS:.0f} s: a submission by the API, the studio's "
        "form, a retry and one that a limit refuses with variants, in turn; "
        f"{WEB_WORKERS[kind]} web workers, one cluster; p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
        f"{_statuses(ours[-1])}{notes}",
        number=13,
        gate=at_least(gate),
        aim=at_least(aim),
        problems=[problem for one in [*ours, *theirs] for problem in one.problems],
    )


def answers(site: RunningSite, tight_key: str) -> Answers:
    """Measure one round on a running site, after a warm-up."""
    api, costly = (
        submission(site),
        submission(site, duration=8, resolution="720p", generate_audio=True),
    )
    refused = replace(costly, headers={**costly.headers, "Authorization": f"Bearer {tight_key}"})
    person = Person(site)
    requests = [api, person.studio_form(), person.retry_form(working(site)), refused]
    call(Plan(site.url, requests, CALLERS, seconds=WARM_UP_SECONDS))
    told = call(Plan(site.url, requests, CALLERS, seconds=SECONDS, first=10**6))
    problems = told.problems
    [(by_form,)] = site.database.sql(
        "SELECT count(*) FROM generations_generation WHERE api_key_id IS NULL AND retry_of_id IS "
        "NULL"
    )
    if not by_form:
        problems += ["the studio's form submitted nothing"]
    problems = [f"{site.tree.commit}: {problem}" for problem in problems]
    return Answers(told.answers / told.seconds, told.percentiles, told.statuses, problems)


def _statuses(one: Answers) -> str:
    return ", ".join(f"{count} × {status}" for status, count in sorted(one.statuses.items()))
