"""Row 16: the studio's page beside a bare Django page of its size, and what its feed asks."""

from collections.abc import Callable
from statistics import median

from tests.bench.bench import Bench
from tests.bench.load import Plan, Request, call
from tests.bench.measure.processes import Used
from tests.bench.report import Row, at_most, ratio_of, spread_of
from tests.bench.rows.portal import Person
from tests.bench.sites.bare import bare_site
from tests.bench.sites.installation import run_inside

CALLERS = 8
SECONDS = 5.0
WARM_UP_SECONDS = 2.0


def measure(bench: Bench) -> list[Row]:
    """Ask for both pages in turn."""
    cpu: dict[str, list[float]] = {"ours": [], "bare": []}
    speeds: dict[str, list[float]] = {"ours": [], "bare": []}
    problems: list[str] = []
    with bench.installation(bench.this).running("web", web_workers=2) as site:
        found = run_inside(site.tree, site.environ, "studio")
        with bare_site(site, page_bytes=found["bytes"]) as bare:
            sides: dict[str, tuple[str, Request, Callable[[], Used]]] = {
                "ours": (site.url, Person(site).get("/"), site.used),
                "bare": (bare.url, Request("GET", "/", {}), bare.used),
            }
            for _ in range(bench.rounds):
                for name, (url, request, used) in sides.items():
                    call(Plan(url, [request], CALLERS, seconds=WARM_UP_SECONDS))
                    before = used()
                    told = call(Plan(url, [request], CALLERS, seconds=SECONDS))
                    cpu[name].append(1000 * (used() - before).cpu / max(1, told.accepted))
                    speeds[name].append(told.accepted / told.seconds)
                    problems += [f"{name}: {problem}" for problem in told.problems]
    conditions = (
        f"24 films and 3 generations in progress, {found['bytes'] / 1000:.0f} kB, PostgreSQL, two "
        f"web workers, {CALLERS} callers for {SECONDS:.0f} s; {median(speeds['ours']):.0f} a "
        f"second, the bare page {median(speeds['bare']):.0f}"
    )
    return [
        Row.of(
            "CPU of the studio's page",
            "ms",
            cpu["ours"],
            ratio=ratio_of(cpu["ours"], cpu["bare"]),
            floor=f"times {spread_of(cpu['bare'])} ms of a bare Django page of its size",
            conditions=conditions,
            number=16,
            gate=at_most(6),
            aim=at_most(3),
            problems=problems,
        ),
        _queries("Queries of the studio's page", found["page"], 15, 10),
        _queries("Queries of a poll of its feed without news", found["poll"], 2, 1),
    ]


def _queries(name: str, count: int, gate: int, aim: int) -> Row:
    return Row.of(
        name,
        "queries",
        [count],
        ratio=float(count),
        floor="queries, session and person included",
        conditions="24 films and 3 generations in progress, by Django's test client, the second "
        "time",
        number=16,
        gate=at_most(gate),
        aim=at_most(aim),
    )
