"""A vendor that takes jobs and says nothing holds up those, and nobody else."""

import pytest

from generations.dispatch.ramp import FIRST_POSTS
from tests.engine.test_kill import Stage, kill_workers, reach, revive
from tests.support.site import Site
from tests.support.vendor import Vendor
from tests.support.waiting import until


@pytest.fixture(scope="module")
def stage(wire: Vendor) -> Stage:
    return Stage(wire)


def test_p27_posts_that_hang_hold_up_no_other_work(parts: Site, stage: Stage, wire: Vendor) -> None:
    revive(parts)
    working = parts.submit("working")
    reach(parts, working, "processing")
    kill_workers(parts)
    post, stuck = wire.gate(), []
    for number in range(6):
        stage.plan(f"stuck {number}", post.before(stage.accept))
        stuck.append(parts.submit(f"stuck {number}"))
    stage.finish("working")

    # Their dispatch stands in the queue before the sweep.
    revive(parts)
    until(lambda: len(wire.creates) == 1 + FIRST_POSTS)
    until(lambda: parts.task(working)["status"] == "completed")

    states = [parts.state(task_id) for task_id in stuck]
    assert states.count("submitting") == len(wire.creates) - 1 == FIRST_POSTS
    assert states.count("queued") == len(stuck) - states.count("submitting")
    post.open()
    for task_id in stuck:
        reach(parts, task_id, "processing")
    assert len(wire.creates) == 1 + len(stuck)
    kill_workers(parts)
