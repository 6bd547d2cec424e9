"""The parts of `make bench` that can be wrong without anybody noticing."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.bench import page
from tests.bench.inside import product
from tests.bench.load import Plan, Request, call
from tests.bench.measure.processes import memory_of, tree_of, used_by
from tests.bench.report import NEEDS_BASE, Row, at_least, at_most, exactly, ratio_of, table
from tests.bench.results import Result
from tests.bench.rows.portal import fields_of
from tests.bench.sites.trees import BaseError, base_tree
from tests.support.pythons import ROOT

BURNT = 0.3  # CPU seconds
_BURN = f"import time\nwhile time.process_time() < {BURNT}: pass"
# Its child has ended, another one lives and has burnt as much, and it waits.
_FAMILY = f"""
import subprocess, sys
burn = {_BURN!r}
subprocess.run([sys.executable, "-c", burn])
told = burn + "\\nprint(flush=True)\\ninput()"
living = subprocess.Popen([sys.executable, "-c", told], stdin=subprocess.PIPE,
    stdout=subprocess.PIPE)
living.stdout.readline()
print("burnt", flush=True)
input()
"""


def a_row(ratio: float | None, **fields: object) -> Row:
    """Return a row of three rounds."""
    options = {"floor": "times nothing", "conditions": "in a test", **fields}
    return Row.of("A figure", "ms", [3.0, 1.0, 2.0], ratio=ratio, **options)  # type: ignore[arg-type]


def test_a_row_is_the_median_and_the_spread_of_its_rounds() -> None:
    row = a_row(2.0)
    assert (row.median, row.lowest, row.highest, row.rounds) == (2.0, 1.0, 3.0, 3)


@pytest.mark.parametrize(
    ("ratio", "gate", "aim", "verdict"),
    [
        (12.1, at_most(12), at_most(6), "gate missed"),
        (12.0, at_most(12), at_most(6), "gate met"),
        (6.0, at_most(12), at_most(6), "aim met"),
        (14.9, at_least(15), at_least(30), "gate missed"),
        (30.0, at_least(15), at_least(30), "aim met"),
        (1.001, exactly(1), exactly(1), "gate missed"),
        (1.0, exactly(1), exactly(1), "aim met"),
        (None, at_most(12), at_most(6), ""),
    ],
)
def test_a_verdict_is_about_the_ratio(
    ratio: float | None, gate: object, aim: object, verdict: str
) -> None:
    assert a_row(ratio, gate=gate, aim=aim).verdict == verdict


def test_a_ratio_is_of_medians_and_none_without_something_to_compare_with() -> None:
    assert ratio_of([2.0, 8.0, 4.0], [1.0, 2.0, 9.0]) == 2.0
    assert ratio_of([2.0], []) is None


def test_a_round_that_met_an_error_is_told_and_counts() -> None:
    row = a_row(None, floor=NEEDS_BASE, problems=["502 POST /v1/videos/generations"])
    assert "PROBLEM 502 POST /v1/videos/generations" in table([row])
    assert "needs BASE=" in table([row])


def test_the_page_shows_figures_commits_and_problems() -> None:
    row = a_row(5.0, number=11, gate=at_most(12), aim=at_most(6), problems=["it broke"])
    stage = {
        "database": "SQLite",
        "stage": "claim",
        "cpu": 4.5,
        "statements": 11,
        "most": "psycopg",
    }
    shown = page.page_of([Result(row, "c0ffee", "8d2ecab", "2026-01-02", "two cores")], [stage])
    assert "| 11 | A figure | 2 ms (1 to 3) | 5 times nothing |" in shown
    assert "at most 12 / at most 6 | aim met |" in shown
    assert "2026-01-02, commit c0ffee beside 8d2ecab, on two cores: rows 11." in shown
    assert "3 rounds: in a test. Met on the way: it broke." in shown
    assert "| SQLite | claim | 4.50 | 11 | psycopg |" in shown


def test_the_page_in_the_documentation_was_made_from_its_template() -> None:
    shown = (ROOT / "docs/performance.md").read_text()
    template = (ROOT / "tests/bench/page.txt").read_text()
    assert [line for line in template.splitlines() if "$" not in line and line not in shown] == []


def test_cpu_of_a_tree_is_that_of_the_living_and_of_those_who_were_waited_for() -> None:
    family = subprocess.Popen(
        [sys.executable, "-c", _FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert family.stdout is not None
        assert family.stdout.readline() == b"burnt\n"
        used = used_by(family.pid)
        # The kernel counts in hundredths of a second, rounded down.
        assert 2 * BURNT - 0.1 < used.cpu < 4 * BURNT
        assert used.switches > 0
        assert len(tree_of(family.pid)) == 2
        assert memory_of(family.pid) > 1
        # Nothing is used while all of them wait.
        assert (used_by(family.pid) - used).cpu < BURNT
    finally:
        family.communicate(b"\n\n")


@pytest.fixture
def answered() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the address of a server that closes each second connection, and what it is sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(body)
            if len(bodies) % 5 == 0:
                self.close_connection = True
                return
            self.send_response(402 if len(bodies) % 2 else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", bodies
    server.shutdown()
    server.server_close()


def test_callers_who_insist_send_each_request_until_it_is_answered(
    answered: tuple[str, list[bytes]],
) -> None:
    url, bodies = answered
    request = Request("POST", "/", {"Content-Type": "application/json"}, '{"n": "{n}"}')
    told = call(Plan(url, [request], 4, count=40, insist=True))
    assert told.answers == 40
    assert set(told.statuses) == {"200", "402"}
    assert {int(json.loads(body)["n"]) for body in bodies} == set(range(40))
    # Broken connections are told; refusals are answers.
    assert len(told.unexpected) == len(bodies) - 40


def test_a_form_is_filled_as_a_browser_does_it() -> None:
    form = (
        '<form><input name="other"></form><form>'
        '<input type="hidden" name="key" value="a&amp;b">'
        '<select name="size"><option value="s"><option value="m" selected></select>'
        '<input type="checkbox" name="audio"><input type="radio" name="shape" value="wide" checked>'
        '<textarea name="prompt"></textarea></form>'
    )
    assert fields_of(form, "prompt") == {
        "key": "a&b",
        "size": "m",
        "shape": "wide",
        "prompt": "",
    }


def test_a_base_that_is_no_commit_is_refused_by_name() -> None:
    with (
        pytest.raises(BaseError, match="BASE=nothing-like-this is no commit"),
        base_tree("nothing-like-this"),
    ):
        pass


def test_the_product_has_the_verbs_that_are_measured() -> None:
    submission = product.submission_of(object())
    assert submission.api_key is None
