"""The sweep at rest: it knows when what is due, sleeps until then, and hears of what is sooner."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership
from generations.callbacks.service import receive_callback
from generations.dispatch.steps import help_dispatch_step
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from generations.ops.agenda import LOOK_AGAIN_SECONDS, READ_AGAIN_SECONDS, Agenda
from generations.ops.steps import STEPS, clean_up_step, sweep_step
from generations.ops.sweep import run_sweep
from generations.review.decide import look_now
from generations.transitions import POLLS
from platform_site.clusters.watch import Watch
from tests.factories import SYSTEM, make_generation
from tests.support.meter import read_usage_at
from tests.support.sending import send_now
from tests.support.steps import empty_queue, queued
from tests.support.vendor import Vendor
from tests.support.working import working

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("provider_key", "deaf_looks"),
]
LONG = 600.0


@pytest.fixture
def watch(deaf_looks: None) -> Iterator[Watch]:
    """What a sweep waits by."""
    with Watch(POLLS) as made:
        yield made


def read_agenda() -> Agenda:
    agenda = Agenda(with_steps=True)
    agenda.read()
    return agenda


def test_a_sweep_at_rest_asks_the_database_once_what_is_due(vendor: Vendor) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert run_sweep(run_seconds=1.0) is True
    assert sum("MIN(due_at)" in one["sql"] for one in queries) == 1


def test_nothing_is_due_where_nothing_is_in_progress(vendor: Vendor) -> None:
    read_usage_at(timezone.now() + timedelta(hours=1))
    agenda, now = read_agenda(), timezone.now()
    assert not agenda.is_poll_due(now)
    with CaptureQueriesContext(connection) as queries:
        assert agenda.enqueue_due(now) is False
    assert len(queries) == 0
    assert agenda.seconds_to_next(now) > READ_AGAIN_SECONDS / 2


def test_every_step_that_is_looked_for_says_when(vendor: Vendor) -> None:
    looked_for = {step.path for step in STEPS if step.due_rows}
    assert looked_for == {step.path for step in STEPS} - {
        sweep_step.path,
        clean_up_step.path,
        help_dispatch_step.path,
    }


def test_a_poll_is_due_when_its_time_has_come_though_nothing_was_written(
    alice: Membership, vendor: Vendor
) -> None:
    job, now = working(alice, vendor), timezone.now()
    Generation.objects.filter(pk=job.pk).update(next_poll_at=now + timedelta(seconds=9))
    agenda = read_agenda()
    assert not agenda.is_poll_due(now)
    assert 8 < agenda.seconds_to_next(now) <= 9
    assert agenda.is_poll_due(now + timedelta(seconds=9))


def test_a_sweep_wakes_for_what_becomes_due_while_it_sleeps(
    alice: Membership, vendor: Vendor
) -> None:
    job = working(alice, vendor)
    vendor.fail(job.upstream_id or "")
    soon = timezone.now() + timedelta(seconds=0.5)
    Generation.objects.filter(pk=job.pk).update(next_poll_at=soon)
    assert run_sweep(run_seconds=2.0) is True
    job.refresh_from_db()
    assert job.state == State.FAILED


def test_a_step_that_is_due_is_looked_for_and_left_in_peace_for_a_moment(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    now = timezone.now()
    ProviderKey.objects.update(next_sample_at=now)
    empty_queue()
    agenda = read_agenda()
    assert agenda.enqueue_due(now) is True
    assert queued() == [("sample", (provider_key.pk,))]
    assert agenda.enqueue_due(now) is False, "it was just looked for"
    assert agenda.seconds_to_next(now) <= LOOK_AGAIN_SECONDS
    agenda.read()
    assert agenda.seconds_to_next(now) > LOOK_AGAIN_SECONDS, "it was taken"


def test_a_callback_wakes_the_sweep(alice: Membership, vendor: Vendor, watch: Watch) -> None:
    job = working(alice, vendor)
    receive_callback(
        job.callback_token,
        headers={"x-event": "task.completed"},
        body=b'{"id": "%s", "status": "completed"}' % (job.upstream_id or "").encode(),
        sent_from="127.0.0.1",
        now=timezone.now(),
    )
    assert watch.wait(LONG) is True


def test_a_send_wakes_the_sweep_for_its_first_poll(
    alice: Membership, vendor: Vendor, watch: Watch
) -> None:
    make_generation(alice)
    assert send_now()
    assert watch.wait(LONG) is True


def test_a_person_who_asks_now_wakes_the_sweep(
    alice: Membership, vendor: Vendor, watch: Watch
) -> None:
    job = make_generation(alice, State.NEEDS_REVIEW, upstream_id=vendor.add_task())
    look_now(job, by=SYSTEM, now=timezone.now())
    assert watch.wait(LONG) is True
