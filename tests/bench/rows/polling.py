"""The sweep beside a bare httpx loop (row 7), and what its learnt times save."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from tests.bench.bench import LATENCY, Bench
from tests.bench.load.slow_vendor import slow_vendor
from tests.bench.report import Row, at_least, at_most
from tests.bench.sites.trees import ROOT
from tests.bench.sites.whole_site import WholeSite


def measure_sweep(bench: Bench) -> list[Row]:
    """Poll a thousand due rows, on SQLite and on PostgreSQL, in turn with the floor."""
    measured = run_child("sweep_rounds", bench.vendor_url, str(bench.rounds))
    return [*_rows(measured, "SQLite"), *measure_postgres_sweep(bench)]


def measure_postgres_sweep(bench: Bench) -> list[Row]:
    """Poll a thousand due rows on PostgreSQL alone, beside what else the site holds."""
    installation = bench.installation(bench.this)
    with (
        tempfile.TemporaryDirectory(prefix="dailies-bench-") as folder,
        installation.database.copied(Path(folder)) as database,
    ):
        environ = database.environ
        measured = run_child("sweep_rounds", bench.vendor_url, str(bench.rounds), **environ)
    return _rows(measured, "PostgreSQL, whose own CPU is not counted")


def measure_callbacks(site: WholeSite) -> list[Row]:
    """Settle one job after the other by its callback."""
    rounds = run_child("callback_latency", site.url, site.api_key, **site.environment)
    callbacks = [one["callback"] for one in rounds]
    task = median(one["task"] for one in rounds)
    return [
        Row.of(
            "A callback's arrival to settled, at rest",
            "s",
            callbacks,
            ratio=median(callbacks) / task,
            floor=f"times one empty task's way through queue and worker, {task:.3f} s",
            conditions="one job at a time, in turn with the task, until a reader sees it, SQLite",
            number=8,
            gate=at_most(2),
            aim=at_most(1.2),
        )
    ]


def measure_curves(_bench: Bench) -> list[Row]:
    """Simulate when we look and what it costs the vendor, without callbacks."""
    measured = run_child("simulation")
    rounds = measured["rounds"]
    polls, late = ([one["learnt"][name] for one in rounds] for name in ("polls", "late"))
    fixed_polls, fixed_late = (
        median(one["fixed"][name] for one in rounds) for name in ("polls", "late")
    )
    as_quick = median(one["as_quick"]["polls"] for one in rounds)
    return [
        Row.of(
            "Polls a film at learnt times",
            "polls",
            polls,
            ratio=median(polls) / as_quick,
            floor=f"of the {as_quick:.0f} that a fixed share of the time waited needs to be as "
            "quick",
            conditions=f"simulated without callbacks, {measured['seconds']:.0f} s a film at the "
            f"median: {median(late):.1f} s late on average; the curve without a history takes "
            f"{fixed_polls:.0f} polls and is {fixed_late:.1f} s late",
        )
    ]


def measure_flight(bench: Bench) -> list[Row]:
    """Settle a thousand jobs in flight, with and without callbacks."""
    with slow_vendor(LATENCY) as vendor:
        measured = run_child("settling_lateness", vendor, str(bench.rounds))
    interval = measured["interval"]
    conditions = (
        f"{measured['jobs']} in flight, {measured['stuck']} of them stuck for up to an hour, "
        f"{measured['seconds']:.0f} s a film at the median; sweep, web and vendor (answers in "
        f"{LATENCY * 1000:.0f} ms) in processes of their own, SQLite; films are not fetched"
    )
    polls, callbacks = (
        [quantiles(one[name], n=20)[-1] for one in measured["rounds"]]
        for name in ("polls", "callbacks")
    )
    return [
        Row.of(
            "The vendor's end to settled, without callbacks, 95th percentile",
            "s",
            polls,
            ratio=median(polls) / interval,
            floor=f"of the sweep interval, {interval:.2f} s for these films; at most 2",
            conditions=conditions,
        ),
        Row.of(
            "A callback's arrival to settled, 95th percentile",
            "s",
            callbacks,
            ratio=median(callbacks),
            floor="of a second; at most 1",
            conditions=conditions,
        ),
    ]


def run_child(module: str, *arguments: str, **environ: str) -> Any:
    """Run a measuring process in a folder of its own; return what it prints at last."""
    with tempfile.TemporaryDirectory(prefix="dailies-bench-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.polling.django_runner", module, *arguments],
            cwd=ROOT,
            env={**os.environ, "DATA_DIR": folder, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[-1])


def _rows(measured: Any, database: str) -> list[Row]:
    jobs, askers = measured["jobs"], measured["askers"]
    ours = [one["ours"] for one in measured["rounds"]]
    floor = [one["floor"] for one in measured["rounds"]]
    speeds = [jobs / one["seconds"] for one in ours]
    floor_speed = median(jobs / one["seconds"] for one in floor)
    cpu = [1000 * one["cpu"] / jobs for one in ours]
    floor_cpu = median(1000 * one["cpu"] / jobs for one in floor)
    conditions = f"{jobs} due rows of one key, one sweep, {database}"
    name = database.partition(",")[0]
    return [
        Row.of(
            f"Polls by the sweep, {name}",
            "a second",
            speeds,
            ratio=median(speeds) / (askers / LATENCY),
            floor=f"of {askers} at once ÷ {LATENCY * 1000:.0f} ms of the vendor; the "
            f"bare httpx loop: {floor_speed * LATENCY / askers:.2f}",
            conditions=f"{conditions}; claimed, asked, and put off",
            number=7,
            gate=at_least(0.4),
            aim=at_least(0.75),
        ),
        Row.of(
            f"CPU a poll, {name}",
            "ms",
            cpu,
            ratio=median(a["cpu"] / b["cpu"] for a, b in zip(ours, floor, strict=True)),
            floor=f"of {floor_cpu:.3f} ms for a bare httpx loop of as many threads, which writes "
            "nothing, in turn with ours",
            conditions=conditions,
            number=7,
            gate=at_most(1.6),
            aim=at_most(1.2),
        ),
    ]
