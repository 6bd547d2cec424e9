"""Two hosts, three clusters each, one queue: both work, nothing is done twice, and none is missed.

They are process trees with folders of their own, on one PostgreSQL, in front of one sandbox.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.hosts import Host, Installation, answers
from tests.support.ports import free_port
from tests.support.postgres import private_postgres
from tests.support.vendor import Vendor, running_vendor, say
from tests.support.waiting import until

HOOK = "/hook"
CLUSTERS = 3
# Longer than a cluster takes to start, and shorter than in life: one that is busy for so long may
# be replaced though it is healthy, which must do no harm either.
PATIENCE = 30
Jobs = dict[str, str]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Vendor]:
    """Where clients hear of their films."""
    with running_vendor() as receiver:
        receiver.always(HOOK, say(200, {}))
        yield receiver


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, receiver: Vendor
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("hosts")
    with private_postgres() as postgres:
        installation = Installation(
            folder,
            database_url=postgres.url,
            WORKERS="2",
            FILM_WORKERS="1",
            OUTBOUND_ALLOW=receiver.url.removeprefix("http://"),
        )
        try:
            installation.start_sandbox()
            yield installation
        finally:
            installation.close()


def start(host: Host) -> None:
    """Start a host as two containers would run it, and wait until all its clusters work."""
    live_clusters = len(beating(host.installation))
    host.start("all", "web", "worker", "films", patience=PATIENCE)
    host.start("more", "worker", patience=PATIENCE)
    until(lambda: len(beating(host.installation)) == live_clusters + CLUSTERS, seconds=120)
    until(lambda: answers(f"{host.url}/healthz"))


def beating(installation: Installation) -> list[dict[str, Any]]:
    return installation.sql(
        "SELECT id::text, queue, pid, heartbeat_at FROM platform_site_cluster"
        " WHERE heartbeat_at IS NOT NULL"
    )


def submit(installation: Installation, receiver: Vendor, hosts: list[Host], count: int) -> Jobs:
    """Submit jobs to these hosts in turn; two of three fail, so that few films are rendered."""
    jobs: Jobs = {}
    for number in range(count):
        script = "" if number % 3 == 0 else " [sandbox:fail]"
        prompt = f"A quiet lake [sandbox:{hosts[0].folder.name}-{number}]{script}"
        url = hosts[number % len(hosts)].url
        jobs[prompt] = installation.submit(prompt, at=url, callback_url=f"{receiver.url}{HOOK}")
    return jobs


def ended(installation: Installation) -> int:
    """Count what clients have been told the end of."""
    [row] = installation.sql(
        "SELECT count(*) AS n FROM accounts_webhookdelivery WHERE state = 'delivered'"
    )
    return int(row["n"])


def kill_idle_worker(host: Host, cluster: str) -> None:
    """Kill a worker that waits with its queue's read lock: no successor will ever get that."""
    [worker, _monitor, _pusher] = host.workers(cluster)

    def last_heartbeat() -> Any:
        [at] = [row["heartbeat_at"] for row in beating(host.installation) if row["id"] == cluster]
        return at

    # Right after a beat: it has nothing to do until the next one.
    earlier = last_heartbeat()
    until(lambda: last_heartbeat() > earlier)
    os.kill(worker, signal.SIGKILL)


def let_claims_run_out(installation: Installation) -> None:
    """Let the time pass that a dead host's claims last."""
    past = "now() - interval '1 second'"
    installation.sql(
        "UPDATE generations_generation SET submitted_at = submitted_at - interval '80 seconds'"
        " WHERE state = 'submitting'"
    )
    for table, column in (
        ("platform_site_lease", "expires_at"),
        ("generations_generation", "next_submit_at"),
        ("generations_generation", "next_poll_at"),
        ("generations_film", "claimed_until"),
        ("generations_film", "next_attempt_at"),
        ("accounts_webhookdelivery", "claimed_until"),
        ("accounts_webhookdelivery", "next_attempt_at"),
        ("generations_callbackreceipt", "next_check_at"),
    ):
        installation.sql(f"UPDATE {table} SET {column} = {past} WHERE {column} IS NOT NULL")


def test_p21_p26_two_hosts_share_one_queue_and_one_dies(
    installation: Installation, receiver: Vendor
) -> None:
    """One host alone, both, a frozen cluster of each kind, and the death of a whole host."""
    second = Host(installation, "second", port=free_port())
    start(second)
    jobs = submit(installation, receiver, [second], 6)
    until(lambda: ended(installation) == 6, seconds=120)  # The second host works on its own.

    first = Host(installation, "first", port=installation.web_port)
    start(first)
    kill_idle_worker(first, first.cluster("all", "films"))
    jobs |= submit(installation, receiver, [first, second], 60)
    until(lambda: ended(installation) >= 20, seconds=120)

    second.kill()
    frozen = first.cluster("more", "dailies")
    for pid in first.workers(frozen):
        os.kill(pid, signal.SIGSTOP)
    let_claims_run_out(installation)

    until(lambda: ended(installation) + len(unknown(installation)) >= len(jobs), seconds=180)
    until(lambda: "films is frozen" in first.log("all"), seconds=120)
    until(lambda: "worker is frozen" in first.log("more"), seconds=120)
    assert_nothing_twice(installation, receiver, jobs)
    installation.audit()


def unknown(installation: Installation) -> list[str]:
    """Return the prompts of which nobody can tell whether the dead host had them sent."""
    rows = installation.sql(
        "SELECT prompt FROM generations_generation WHERE state = 'needs_review'"
    )
    return [row["prompt"] for row in rows]


def assert_nothing_twice(installation: Installation, receiver: Vendor, jobs: Jobs) -> None:
    tasks = Counter(task["prompt"] for task in installation.books()["tasks"])
    doubtful = unknown(installation)
    assert {prompt for prompt in jobs if tasks[prompt] != 1} <= set(doubtful)
    assert max(tasks.values()) == 1
    # A job goes back to the queue when its worker froze between claim and POST; each move begins
    # where the one before it ended.
    assert not installation.sql(
        "SELECT generation_id, from_state, to_state FROM generations_generationevent"
        " WHERE kind = 'moved' AND (from_state, to_state) NOT IN"
        " (('queued', 'submitting'), ('submitting', 'queued'))"
        " GROUP BY 1, 2, 3 HAVING count(*) > 1"
    )
    assert not installation.sql(
        "SELECT * FROM (SELECT generation_id, from_state, to_state, lag(to_state) OVER"
        " (PARTITION BY generation_id ORDER BY id) AS earlier FROM generations_generationevent"
        " WHERE kind = 'moved') AS moves WHERE from_state <> earlier"
    )
    states = installation.sql(
        "SELECT g.state, f.state AS film FROM generations_generation g"
        " LEFT JOIN generations_film f ON f.generation_id = g.id"
    )
    assert {(row["state"], row["film"]) for row in states} <= {
        ("completed", "kept"),
        ("failed", None),
        ("needs_review", None),
    }
    told = installation.sql("SELECT id::text, reference FROM accounts_webhookdelivery")
    assert len({row["reference"] for row in told}) == len(told) == len(jobs) - len(doubtful)
    heard = {call.headers["webhook-id"] for call in receiver.calls_to(HOOK)}
    assert heard == {row["id"] for row in told}
