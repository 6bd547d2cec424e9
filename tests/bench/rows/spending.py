"""Row 5: what is accepted under limits of all scopes while processes are killed."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.load import Plan, begin, finish
from tests.bench.measure.processes import tree_of
from tests.bench.report import Row, exactly
from tests.bench.rows.requests import submission
from tests.bench.sites.installation import RunningSite, run_inside, run_manage

POSTS = 300
CALLERS = 50
ALLOWED = 100  # generations
PRICE = 12  # credits of the cheapest film
KILL_AT = 30  # generations
WEB_WORKERS = 2
_LOOK_SECONDS = 0.02
_GIVE_UP_SECONDS = 60.0
_WEB, _WORKER = "platform_site.wsgi", "--queue=dailies"


@dataclass(frozen=True)
class Spending:
    """One round, in credits."""

    accepted: int
    problems: list[str]


def measure(bench: Bench) -> list[Row]:
    """Measure both databases."""
    return [_row(bench, kind) for kind in ("PostgreSQL", "SQLite")]


def _row(bench: Bench, kind: str) -> Row:
    rounds = []
    for _ in range(bench.rounds):
        installation = bench.installation(bench.this, kind)
        with installation.running("web", "worker", web_workers=WEB_WORKERS) as site:
            rounds.append(spend(site))
    allowed = ALLOWED * PRICE
    ratios = [one.accepted / allowed for one in rounds]
    return Row.of(
        f"Spend accepted under all limits, {kind}",
        "credits",
        [one.accepted for one in rounds],
        ratio=max(ratios, key=lambda ratio: abs(ratio - 1)),
        floor=f"of the {allowed} that are allowed, in the round furthest from it",
        conditions=f"{POSTS} posts by {CALLERS} callers, each sent again with its idempotency key "
        "until it is answered; limits over team, member, API key, project and provider key; a web "
        f"worker and a worker of the cluster killed after {KILL_AT} generations; books audited",
        number=5,
        gate=exactly(1),
        aim=exactly(1),
        problems=[problem for one in rounds for problem in one.problems],
    )


def spend(site: RunningSite) -> Spending:
    """Measure one round on a running site."""
    project = _limit(site)
    api = submission(site)
    headers = {**api.headers, "Idempotency-Key": "bench-{n}", "X-Project": project}
    plan = Plan(site.url, [replace(api, headers=headers)], CALLERS, count=POSTS, insist=True)
    callers = begin(plan)
    problems = _kill_midway(site)
    told = finish(callers, plan)
    if told.answers != POSTS:
        problems.append(f"{told.answers} of {POSTS} posts were answered")
    if told.accepted != ALLOWED:
        problems.append(f"{told.accepted} posts were told that they are accepted")
    [(held, generations)] = site.database.sql(
        "SELECT coalesce(sum(amount - released), 0), count(*) FROM billing_hold"
    )
    over = site.database.sql(
        "SELECT w.id FROM billing_spendwindow w JOIN billing_spendlimit l ON l.id = w.limit_id "
        "WHERE w.held + w.spent > l.credits"
    )
    problems += [f"a window is over its limit: {row[0]}" for row in over]
    if generations * PRICE != held:
        problems.append(f"{generations} holds are {held} credits")
    try:
        run_manage(site.tree, site.environ, "audit")
    except RuntimeError as error:
        problems.append(f"the books do not balance: {error}")
    return Spending(int(held), problems)


def _limit(site: RunningSite) -> str:
    """Allow so much under each scope; return the project's slug."""
    names = run_inside(site.tree, site.environ, "project", "Bench")
    scopes = [
        [],
        ["--member", site.demo["owner"]["email"]],
        ["--api-key", "Demo key"],
        ["--project", names["project"]],
        ["--provider-key", names["provider_key"]],
    ]
    for scope in scopes:
        limit = ["--window", "total", "--credits", str(ALLOWED * PRICE)]
        run_manage(site.tree, site.environ, "set_limit", "demo", *limit, *scope)
    return str(names["project"])


def _kill_midway(site: RunningSite) -> list[str]:
    """Kill a process of each kind once some generations were accepted; return what went wrong."""
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while time.monotonic() < give_up_at:
        [(generations,)] = site.database.sql("SELECT count(*) FROM billing_hold")
        if generations >= KILL_AT:
            break
        time.sleep(_LOOK_SECONDS)
    killed = [_kill(site, mark) for mark in (_WEB, _WORKER)]
    problems = [] if all(killed) else ["no process was found to be killed"]
    if generations >= ALLOWED:
        problems.append("they were killed too late")
    return problems


def _kill(site: RunningSite, mark: str) -> bool:
    """Kill the youngest process whose command line has `mark`; return whether there was one."""
    pids = [pid for pid in tree_of(site.supervisor) if mark in _command(pid)]
    if not pids:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(max(pids), signal.SIGKILL)
    return True


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
