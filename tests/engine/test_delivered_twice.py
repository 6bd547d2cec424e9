"""The queue delivers at least once: twice at the same time, again after a timeout, and early (P26).

The database's claims decide who works, so that none of it is sent, fetched or told twice.
"""

import sys

import pytest

from tests.engine.test_kill import (
    HOOK,
    Stage,
    callback,
    film_file,
    kill_workers,
    reach,
    revive,
)
from tests.support.site import Site
from tests.support.vendor import Vendor, say
from tests.support.waiting import until

TWICE = """
CREATE TRIGGER delivered_twice AFTER INSERT ON django_q_ormq BEGIN
  INSERT INTO django_q_ormq (key, payload, lock) VALUES (NEW.key, NEW.payload, NEW.lock);
END
"""
DISPATCH_FOR_FIVE_SECONDS = """
import django
django.setup()
from django_q.tasks import async_task
async_task("generations.dispatch.steps.dispatch_step", cluster="dailies", timeout=5)
"""


@pytest.fixture(scope="module")
def stage(wire: Vendor) -> Stage:
    return Stage(wire)


def assert_moved_once(site: Site) -> None:
    """No generation has moved twice from one state to another."""
    assert not site.sql(
        "SELECT generation_id, from_state, to_state FROM generations_generationevent"
        " WHERE kind = 'moved' GROUP BY 1, 2, 3 HAVING count(*) > 1"
    )


def test_p26_every_task_delivered_twice_at_once(parts: Site, stage: Stage, wire: Vendor) -> None:
    spent = parts.audit()["spent"]
    parts.sql(TWICE)
    wire.always(HOOK, say(200, {}))
    revive(parts)
    prompts = [f"twice-{number}" for number in range(8)]
    jobs = {p: parts.submit(p, callback_url=f"{wire.url}{HOOK}") for p in prompts}
    for prompt in prompts:
        reach(parts, jobs[prompt], "processing")
        stage.finish(prompt)
        assert callback(parts, stage, prompt) == 204
    for prompt in prompts:
        assert parts.ended(jobs[prompt])["status"] == "completed"
    until(lambda: len(wire.calls_to(HOOK)) >= len(prompts))
    kill_workers(parts)
    parts.sql("DROP TRIGGER delivered_twice")

    assert {prompt: len(stage.sent(prompt)) for prompt in prompts} == dict.fromkeys(prompts, 1)
    heard = [call.headers["webhook-id"] for call in wire.calls_to(HOOK)]
    assert len(heard) == len(set(heard)) == len(prompts)
    for prompt in prompts:
        assert len(wire.calls_to(f"/files/{prompt}.mp4", "GET")) == 1
    assert_moved_once(parts)
    assert parts.audit()["spent"] == spent + 12 * len(prompts)


def test_p21_p26_a_task_that_runs_out_of_time_waits_for_its_post(
    parts: Site, stage: Stage, wire: Vendor
) -> None:
    post = wire.gate()
    stage.plan("cut-off", post.before(stage.accept))
    job = parts.submit("cut-off")
    parts.sql("DELETE FROM django_q_ormq")
    parts.run(sys.executable, "-c", DISPATCH_FOR_FIVE_SECONDS)
    revive(parts)
    post.wait()
    until(
        lambda: parts.sql(
            "SELECT name FROM platform_site_lease WHERE name = 'dispatch' AND holder = ''"
        )
    )

    assert parts.state(job) == "submitting", "silence proves nothing"
    post.open()
    reach(parts, job, "processing")
    stage.finish("cut-off")
    assert parts.ended(job)["status"] == "completed"
    assert len(stage.sent("cut-off")) == 1
    assert_moved_once(parts)
    kill_workers(parts)


def test_p26_a_task_delivered_again_while_its_first_copy_runs(
    parts: Site, stage: Stage, wire: Vendor
) -> None:
    """As when `retry` were too short: the row becomes free while a worker is at it."""
    post, fetch = wire.gate(), wire.gate()
    revive(parts)
    stage.plan("sent", post.before(stage.accept))
    jobs = {"fetched": parts.submit("fetched")}
    reach(parts, jobs["fetched"], "processing")
    stage.finish("fetched", fetch.before(film_file(wire)))
    fetch.wait()
    jobs["sent"] = parts.submit("sent")
    post.wait()

    for _ in range(2):
        freed = "UPDATE django_q_ormq SET lock = datetime('now', '-1 second')"
        parts.sql(f"{freed} WHERE lock > datetime('now', '+1 second')")
        # Film workers have the first copy; the second waits for it inside the cluster.
        until(lambda: parts.sql("SELECT id FROM django_q_ormq WHERE lock > datetime('now')"))
    post.open()
    fetch.open()
    reach(parts, jobs["sent"], "processing")
    stage.finish("sent")
    for job in jobs.values():
        assert parts.ended(job)["status"] == "completed"
    until(lambda: not parts.sql("SELECT id FROM django_q_ormq WHERE key = 'films'"))
    kill_workers(parts)

    for prompt in jobs:
        assert len(stage.sent(prompt)) == 1
        assert len(wire.calls_to(f"/files/{prompt}.mp4", "GET")) == 1
    assert_moved_once(parts)
