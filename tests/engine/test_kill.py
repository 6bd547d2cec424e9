"""Kill -9 the worker at every step and start it again: nothing is paid twice, nothing is lost.

The vendor holds its replies back, so that each kill hits the very step it is meant for. One kill
serves many steps at once: the jobs do not know of each other.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.films import film_bytes
from tests.support.site import Site
from tests.support.vendor import CREATE, TASKS, Call, Exchange, Gate, Reply, Vendor, say
from tests.support.waiting import until

Jobs = dict[str, str]
HOOK = "/hook"
WORKERS = ("worker", "films")


class Stage:
    """Gives each prompt's requests the replies that its test wants."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self._plans: dict[str, Reply] = {}
        vendor.always(CREATE, self._create)

    def plan(self, prompt: str, reply: Reply) -> None:
        self._plans[prompt] = reply

    def _create(self, exchange: Exchange) -> None:
        prompt = exchange.call.json["input"]["prompt"]
        self._plans.pop(prompt, self.accept)(exchange)

    def accept(self, exchange: Exchange) -> None:
        task_id = self.task_id(exchange.call)
        self.vendor.add_task(task_id)
        say(200, {"code": 200, "data": {"taskId": task_id}})(exchange)

    @staticmethod
    def task_id(call: Call) -> str:
        """The vendor's id of a prompt's task, so that a test knows it beforehand."""
        return f"upstream-{call.json['input']['prompt']}"

    def sent(self, prompt: str) -> list[Call]:
        return [call for call in self.vendor.creates if call.json["input"]["prompt"] == prompt]

    def finish(self, prompt: str, film: Reply | None = None) -> None:
        """Complete a prompt's task; its film is answered by `film`, or at once."""
        path = f"/files/{prompt}.mp4"
        self.vendor.files[path] = film_of(prompt)
        if film is not None:
            self.vendor.next(path, film)
        self.vendor.finish(
            f"upstream-{prompt}", urls=[f"{self.vendor.url}{path}"], duration=4, resolution="480p"
        )


@pytest.fixture(scope="module")
def stage(wire: Vendor) -> Stage:
    return Stage(wire)


def callback(site: Site, stage: Stage, prompt: str) -> int:
    """Call back about a prompt's task, as the vendor does in the end."""
    [call] = stage.sent(prompt)
    path = call.json["callback_url"].removeprefix(site.url)
    body = {"id": stage.task_id(call), "status": "completed"}
    return site.http.post(path, json=body, headers={"X-Event": "task.completed"}).status_code


def reach(site: Site, task_id: str, state: str) -> None:
    until(lambda: site.state(task_id) == state)


def film_of(prompt: str) -> bytes:
    """Return a film unlike any other prompt's: the same bytes would be stored once for all."""
    words = prompt.encode()
    return film_bytes() + (len(words) + 8).to_bytes(4, "big") + b"free" + words


def film_file(wire: Vendor) -> Reply:
    return lambda exchange: exchange.send(200, film_of(Path(exchange.call.path).stem))


def files_of(site: Site, task_id: str) -> list[str]:
    """Return the names of what is stored for a task's film."""
    return [name for name in site.stored_files() if UUID(task_id).hex in name]


@contextmanager
def full_backlog() -> Iterator[str]:
    """Yield an address where connecting neither succeeds nor fails."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        try:
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for filler in fillers:
                filler.close()


def revive(site: Site) -> None:
    """Let the time pass that the dead workers' claims last, then start both queues' workers."""
    site.make_everything_due()
    for role in WORKERS:
        site.start(role)


def kill_workers(site: Site) -> None:
    """Kill -9 every process of both queues' workers."""
    for role in WORKERS:
        site.kill(role)


def assert_whole(site: Site, stage: Stage, kept: Jobs) -> None:
    """Each film is kept once, nothing was sent twice, and the books balance."""
    for prompt, task_id in kept.items():
        task = site.ended(task_id)
        assert (task["status"], len(task["output"]["urls"])) == ("completed", 1), prompt
        assert site.http.get(task["output"]["urls"][0]).content == film_of(prompt)
        assert len(stage.sent(prompt)) == 1, f"{prompt} was paid twice"
        # The film, its two pictures and, in time, its three previews; nothing twice.
        until(lambda task_id=task_id: len(files_of(site, task_id)) == 6)  # type: ignore[misc]
    held = site.sql(
        "SELECT g.state FROM billing_hold h JOIN generations_generation g ON g.hold_id = h.id"
        " WHERE h.closed_at IS NULL"
    )
    assert {row["state"] for row in held} <= {"queued", "submitting", "processing", "needs_review"}
    assert site.audit()["spent"] == 12 * len(
        site.sql("SELECT 1 FROM generations_generation WHERE state = 'completed'")
    )


def test_p05_p23_a_worker_killed_while_it_waits_for_others(
    parts: Site, stage: Stage, wire: Vendor
) -> None:
    """Killed while queued, during a POST, a poll, a download, a webhook, and before keeping."""
    gates = {step: wire.gate() for step in ("post", "poll", "fetch", "hook", "extra")}
    jobs: Jobs = {}
    revive(parts)

    # Polled: its look hangs in the sweep.
    jobs["polled"] = parts.submit("polled")
    reach(parts, jobs["polled"], "processing")
    # PollResult: kept, and its client does not answer.
    wire.next(HOOK, gates["hook"].before(lambda exchange: exchange.send(204, b"")))
    jobs["told"] = parts.submit("told", callback_url=f"{wire.url}{HOOK}")
    reach(parts, jobs["told"], "processing")
    stage.finish("told")
    gates["hook"].wait()
    # Fetched: its film hangs.
    jobs["fetched"] = parts.submit("fetched")
    reach(parts, jobs["fetched"], "processing")
    # Completed: the vendor is done, and no worker is free to fetch its film.
    jobs["completed"] = parts.submit("completed")
    reach(parts, jobs["completed"], "processing")
    stage.finish("fetched", gates["fetch"].before(film_file(wire)))
    gates["fetch"].wait()
    # Posted: the vendor has read them, and says nothing.
    for prompt in ("posted", "posted-too"):
        stage.plan(prompt, gates["post"].before(stage.accept))
        jobs[prompt] = parts.submit(prompt)
        until(lambda prompt=prompt: stage.sent(prompt))  # type: ignore[misc]
    # The films' only worker is busy now, and so are the key's slots.
    stage.finish("completed")
    reach(parts, jobs["completed"], "completed")
    parts.limit_sends(at_once=3)
    jobs["queued"] = parts.submit("queued")
    wire.next(f"{TASKS}upstream-polled", gates["poll"].before(lambda exchange: exchange.close()))
    gates["poll"].wait()

    kill_workers(parts)
    assert {prompt: parts.state(task_id) for prompt, task_id in jobs.items()} == {
        "polled": "processing",
        "told": "completed",
        "fetched": "completed",
        "completed": "completed",
        "posted": "submitting",
        "posted-too": "submitting",
        "queued": "queued",
    }
    assert stage.sent("queued") == []
    assert parts.row(jobs["completed"], "generations_film")["attempts"] == 0
    assert parts.row(jobs["fetched"], "generations_film")["state"] == "pending"
    parts.audit()
    parts.limit_sends(at_once=20)
    for gate in gates.values():
        gate.open()
    posted = {"upstream-posted", "upstream-posted-too"}
    until(lambda: posted <= wire.tasks.keys())  # They were accepted after all.
    for prompt in ("polled", "posted", "posted-too"):
        stage.finish(prompt)

    revive(parts)
    for prompt in ("posted", "posted-too"):
        reach(parts, jobs[prompt], "needs_review submit_unknown")
        parts.audit()
        assert callback(parts, stage, prompt) == 204
    reach(parts, jobs["queued"], "processing")
    stage.finish("queued")
    assert_whole(parts, stage, jobs)
    # More often than twice if the first one's client was slower than a receiver may be.
    tellings = until(lambda: wire.calls_to(HOOK)[1:] and wire.calls_to(HOOK))
    assert len({(telling.headers["webhook-id"], telling.body) for telling in tellings}) == 1
    until(
        lambda: parts.sql("SELECT state FROM accounts_webhookdelivery") == [{"state": "delivered"}]
    )
    attempts = parts.sql("SELECT number FROM accounts_webhookattempt")
    assert len(wire.calls_to(HOOK)) == len(attempts), "each delivery is an attempt of its own"
    kill_workers(parts)


def test_p21_p39_a_worker_killed_between_the_world_and_its_database(
    parts: Site, stage: Stage, wire: Vendor
) -> None:
    """Killed after the claim, the acceptance, or the storing of a film, before it is noted."""
    gates = {step: wire.gate() for step in ("post", "fetch")}
    jobs: Jobs = {}
    revive(parts)
    jobs["stored"] = parts.submit("stored")
    reach(parts, jobs["stored"], "processing")
    stage.finish("stored", gates["fetch"].before(film_file(wire)))
    gates["fetch"].wait()
    stage.plan("accepted", gates["post"].before(stage.accept))
    jobs["accepted"] = parts.submit("accepted")
    gates["post"].wait()
    [key] = parts.sql("SELECT id, endpoint FROM generations_providerkey")
    with full_backlog() as nowhere:
        parts.sql(
            "UPDATE generations_providerkey SET endpoint = ? WHERE id = ?", nowhere, key["id"]
        )
        jobs["claimed"] = parts.submit("claimed")
        reach(parts, jobs["claimed"], "submitting")
        parts.sql(
            "UPDATE generations_providerkey SET endpoint = ? WHERE id = ?",
            key["endpoint"],
            key["id"],
        )
        with parts.writes_blocked():
            open_all(gates)
            until(lambda: "upstream-accepted" in wire.tasks)
            until(lambda: len(files_of(parts, jobs["stored"])) == 3)
            time.sleep(0.3)  # The reply is read, and the id waits to be written.
            kill_workers(parts)

    assert {prompt: parts.state(task_id) for prompt, task_id in jobs.items()} == {
        "stored": "completed",
        "accepted": "submitting",
        "claimed": "submitting",
    }
    assert parts.row(jobs["accepted"])["upstream_id"] is None
    assert parts.row(jobs["stored"], "generations_film")["state"] == "pending"
    parts.audit()

    stage.finish("accepted")
    revive(parts)
    for prompt in ("accepted", "claimed"):
        reach(parts, jobs[prompt], "needs_review submit_unknown")
    assert callback(parts, stage, "accepted") == 204
    unknown = jobs.pop("claimed")
    assert_whole(parts, stage, jobs)
    # Nobody knows of the claimed one, so nobody may say that it was not paid.
    assert parts.state(unknown) == "needs_review submit_unknown"
    assert stage.sent("claimed") == []
    assert parts.audit()["held"] == 12
    kill_workers(parts)


def open_all(gates: dict[str, Gate]) -> None:
    for gate in gates.values():
        gate.open()
