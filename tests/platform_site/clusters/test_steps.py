"""Background steps: what the queue's rows name exists, and stops hand work back."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils.module_loading import import_string

from generations.archive.steps import keep_step
from generations.callbacks.steps import check_callback_step
from generations.ops.steps import STEPS
from generations.provider_keys import wakeup
from generations.review import decide
from platform_site.clusters.queues import MAIN_QUEUE, QUEUES
from platform_site.clusters.shutdown import clear_shutdown, request_shutdown
from platform_site.clusters.steps import Step, step_at
from tests.support.steps import queued


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.path)
def test_a_step_stands_where_the_queues_rows_look_for_it(step: Step) -> None:
    assert import_string(step.path) is step
    assert callable(import_string(step.runs))
    assert step.queue in QUEUES


def test_steps_that_are_woken_by_their_path_are_steps() -> None:
    for path in (wakeup._STEP, decide._CHECK_CALLBACK):
        assert step_at(path) in STEPS
    with pytest.raises(TypeError, match="is not a step"):
        step_at("generations.archive.keep.keep_film")


@pytest.mark.django_db
def test_p26_a_worker_that_is_to_stop_hands_its_step_back() -> None:
    film = uuid4()
    request_shutdown()
    try:
        keep_step(str(film))
        check_callback_step(7)
    finally:
        clear_shutdown()
    assert queued() == [("keep", (str(film),)), ("check_callback", (7,))]


@pytest.mark.django_db
def test_ids_travel_as_plain_values() -> None:
    film = UUID("00000000-0000-0000-0000-000000000007")
    keep_step.enqueue(film)
    assert queued() == [("keep", (str(film),))]


def test_only_a_step_with_a_bound_and_without_ids_is_enqueued_up_to_it() -> None:
    where: dict[str, Any] = {"path": "x.steps.y", "runs": "x.y", "queue": MAIN_QUEUE}
    with pytest.raises(TypeError, match="no `most_waiting`"):
        Step(**where).enqueue_up_to(1)
    with pytest.raises(TypeError, match="takes ids"):
        Step(**where, takes=(int,), most_waiting=5).enqueue_up_to(1)
