"""SIGTERM to workers with everything in progress: what may cost money ends, the rest is returned.

Nothing waits for a claim to run out: the next worker could go on at once.
"""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.test_kill import Stage, film_file, kill_workers, reach, revive
from tests.support.films import film_bytes
from tests.support.site import Site
from tests.support.vendor import TASKS, Exchange, Reply, Vendor
from tests.support.waiting import until

SOON = timedelta(seconds=30)


@pytest.fixture(scope="module")
def stage(wire: Vendor) -> Stage:
    return Stage(wire)


@pytest.fixture
def drip() -> Iterator[Reply]:
    """A film that comes byte by byte, forever."""
    over = threading.Event()

    def send(exchange: Exchange) -> None:
        exchange.send_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        try:
            while not over.wait(0.05):
                exchange.send_raw(b"x" * 1000)
        except OSError:
            return

    yield send
    over.set()


def test_p21_p23_a_stop_finishes_what_is_paid_and_hands_back_the_rest(
    parts: Site, stage: Stage, wire: Vendor, drip: Reply
) -> None:
    revive(parts)
    post, look = wire.gate(), wire.gate()
    jobs = dict.fromkeys(("fetched", "polled"), "")
    for prompt in jobs:
        jobs[prompt] = parts.submit(prompt)
        reach(parts, jobs[prompt], "processing")
    stage.finish("fetched", drip)
    wire.wait_for("/files/fetched.mp4")
    wire.next(f"{TASKS}upstream-polled", look.before(lambda exchange: exchange.close()))
    parts.sql(
        "UPDATE generations_generation SET next_poll_at = datetime('now')"
        " WHERE state = 'processing'"
    )
    look.wait()
    # The two that are posted and the one that renders fill the key; one more job waits.
    parts.limit_sends(at_once=3)
    for prompt in ("posted", "posted too"):
        stage.plan(prompt, post.before(stage.accept))
        jobs[prompt] = parts.submit(prompt)
        until(lambda prompt=prompt: stage.sent(prompt))  # type: ignore[misc]
    jobs["queued"] = parts.submit("queued")

    stopping = {role: parts.request_shutdown(role) for role in ("films", "worker")}
    assert stopping["films"].wait(60) == 0, "it goes although the download has not ended"
    assert stopping["worker"].poll() is None, "it waits for the posts"
    post.open()
    assert stopping["worker"].wait(60) == 0

    for prompt in ("posted", "posted too"):
        assert parts.state(jobs[prompt]) == "processing", "the answer was recorded"
        assert len(stage.sent(prompt)) == 1
    assert parts.state(jobs["queued"]) == "queued"
    assert stage.sent("queued") == []
    assert_nothing_is_claimed(parts, jobs)
    assert parts.sql("SELECT * FROM platform_site_cluster") == []

    look.open()
    parts.limit_sends(at_once=20)
    parts.start("films")
    parts.start("worker")
    wire.next("/files/fetched.mp4", film_file(wire))
    stage.vendor.files["/files/fetched.mp4"] = film_bytes()
    assert parts.ended(jobs["fetched"])["status"] == "completed"
    reach(parts, jobs["queued"], "processing")
    kill_workers(parts)


def assert_nothing_is_claimed(site: Site, jobs: dict[str, str]) -> None:
    """Whoever comes next can go on with each of the jobs at once."""
    film = site.row(jobs["fetched"], "generations_film")
    assert (film["state"], film["claimed_until"]) == ("pending", None)
    polled = site.row(jobs["polled"])
    assert polled["poll_holder"] == ""
    assert datetime.fromisoformat(polled["next_poll_at"]).replace(tzinfo=UTC) < (
        datetime.now(UTC) + SOON
    )
    taken = "SELECT * FROM {} WHERE {} > datetime('now')"
    assert site.sql(taken.format("django_q_ormq", "lock")) == [], "a task waits for its retry"
    assert site.sql(f"{taken.format('platform_site_lease', 'expires_at')} AND holder <> ''") == []
    queues = [row["key"] for row in site.sql("SELECT key FROM django_q_ormq")]
    assert {"films", "dailies"} <= set(queues), "the download and the sweep were put back"
