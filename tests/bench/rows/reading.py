"""Row 4: polls of our own API beside a bare DRF view with one indexed read."""

from collections.abc import Callable
from statistics import median

from tests.bench.bench import Bench
from tests.bench.load import Plan, Request, call
from tests.bench.measure.processes import Used
from tests.bench.report import Row, at_least, ratio_of, spread_of
from tests.bench.rows.requests import CHEAP, GENERATIONS, MODEL, headers_of
from tests.bench.sites.bare import bare_site
from tests.bench.sites.installation import RunningSite

CALLERS = 32
SECONDS = 5.0
WARM_UP_SECONDS = 2.0
WEB_WORKERS = 2


def measure(bench: Bench) -> list[Row]:
    """Ask both for the same generation, in turn."""
    figures: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": []}
    problems: list[str] = []
    with (
        bench.installation(bench.this).running("web", web_workers=WEB_WORKERS) as site,
        bare_site(site) as bare,
    ):
        path = f"/v1/tasks/{working(site)}"
        sides: dict[str, tuple[str, Callable[[], Used]]] = {
            "ours": (site.url, site.used),
            "bare": (bare.url, bare.used),
        }
        for _ in range(bench.rounds):
            for name, (url, used) in sides.items():
                request = Request("GET", path, headers_of(site))
                call(Plan(url, [request], CALLERS, seconds=WARM_UP_SECONDS))
                before = used()
                told = call(Plan(url, [request], CALLERS, seconds=SECONDS))
                cpu = (used() - before).cpu
                figures[name].append((told.accepted / told.seconds, 1000 * cpu / told.accepted))
                problems += [f"{name}: {problem}" for problem in told.problems]
    ours, floor = ([speed for speed, _ in figures[name]] for name in ("ours", "bare"))
    cpu_ours, cpu_bare = (median(cpu for _, cpu in figures[name]) for name in ("ours", "bare"))
    return [
        Row.of(
            "GET /v1/tasks/{id}",
            "a second",
            ours,
            ratio=ratio_of(ours, floor),
            floor=f"of {spread_of(floor)} by a bare DRF view with one read on the same server",
            conditions=f"PostgreSQL, {WEB_WORKERS} web workers, {CALLERS} callers for "
            f"{SECONDS:.0f} s; {cpu_ours:.2f} ms of CPU each, the bare view {cpu_bare:.2f} ms",
            number=4,
            gate=at_least(0.9),
            aim=at_least(1.2),
            problems=problems,
        )
    ]


def working(site: RunningSite) -> str:
    """Submit one film and let the vendor work on it; return its task id."""
    body = {"model": MODEL, "input": {"prompt": "A lighthouse", **CHEAP}}
    with site.client() as client:
        reply = client.post(GENERATIONS, json=body).raise_for_status()
    task_id: str = reply.json()["data"]["taskId"]
    site.database.sql(
        "UPDATE generations_generation SET state = 'processing', upstream_id = 'bench', "
        "submitted_at = created_at, accepted_at = created_at, next_submit_at = NULL WHERE id = %s",
        site.database.key(task_id),
    )
    return task_id
