"""What the sweep finds due is enqueued once, and standing orders start the sweep."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import Schedule

from accounts.models import Membership, NoticeKind, WebhookDelivery
from accounts.notices.service import notify
from generations.archive.steps import FILMS_WAITING
from generations.lifecycle import State
from generations.models import Approval, CallbackReceipt, Film, Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.ops.schedules import ensure_schedules
from generations.provider_keys.service import pause_refused_key
from platform_site.clusters.steps import ENQUEUE_AGAIN
from tests.factories import fund, make_generation, refusal
from tests.support.meter import read_usage_at
from tests.support.races import race
from tests.support.steps import empty_queue, queued
from tests.support.vendor import Vendor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def names() -> list[str]:
    return [name for name, _ in queued()]


def test_each_due_step_is_enqueued_once_and_again_only_after_a_while(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    now = timezone.now()
    rows = one_of_everything(alice, now)
    empty_queue()
    enqueue_due_steps(now)
    assert names().count("dispatch") == 1
    expected = {
        ("keep", (str(rows["film"].pk),)),
        ("deliver", ()),
        ("mail", (rows["notice"].pk,)),
        ("check_callback", (rows["callback"].pk,)),
        ("ask", (str(rows["waiting"].pk),)),
        ("sample", (provider_key.pk,)),
    }
    assert steps() == sorted(expected)
    enqueue_due_steps(now + timedelta(seconds=30))
    assert steps() == sorted(expected)
    enqueue_due_steps(now + timedelta(seconds=61))
    assert steps() == sorted([*expected, *expected])


def steps() -> list[tuple[str, tuple[Any, ...]]]:
    """Return what is queued but the dispatch, which keeps no time of its own."""
    return sorted(step for step in queued() if step[0] != "dispatch")


def one_of_everything(alice: Membership, now: Any) -> dict[str, Any]:
    rows: dict[str, Any] = {
        "queued": make_generation(alice),
        "film": make_generation(alice, State.COMPLETED, film=False).film,
        "lost": make_generation(alice, State.SUBMITTING),
    }
    Generation.objects.filter(pk=rows["queued"].pk).update(next_submit_at=now)
    Film.objects.update(next_attempt_at=now)
    rows["webhook"] = WebhookDelivery.objects.create(
        team=alice.team, url="http://x.example/", event="e", reference="r", next_attempt_at=now
    )
    rows["callback"] = CallbackReceipt.objects.create(
        generation=rows["lost"], proposed_id="x", verdict="proposed", next_check_at=now
    )
    rows["notice"] = notify(
        team=alice.team,
        audience=alice.user,
        kind=NoticeKind.WALLET_LOW,
        title="t",
        body="b",
        key="once",
        now=now - timedelta(minutes=2),  # the queue should have mailed it by now
    )
    rows["waiting"] = make_generation(alice, State.AWAITING_APPROVAL)
    Approval.objects.create(
        generation=rows["waiting"], above=1, expires_at=now + timedelta(days=3), next_mail_at=now
    )
    read_usage_at(now)
    return rows


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_enqueue_each_step_once(alice: Membership, vendor: Vendor) -> None:
    now = timezone.now()
    one_of_everything(alice, now)
    empty_queue()

    def step(_number: int) -> None:
        # Slow enough that all of them have read the rows before the first one commits.
        with transaction.atomic():
            enqueue_due_steps(now)
            time.sleep(0.2)

    assert race(3, step) == [None] * 3
    kinds = [name for name, _ in steps()]
    assert kinds == ["ask", "check_callback", "deliver", "keep", "mail", "sample"]


def test_films_that_wait_for_their_turn_are_not_queued_again_and_again(
    alice: Membership, vendor: Vendor
) -> None:
    fund(alice.team, 10_000)
    for _ in range(FILMS_WAITING + 4):
        make_generation(alice, State.COMPLETED, film=False)
    empty_queue()
    now = timezone.now()
    for minutes in range(5):
        enqueue_due_steps(now + minutes * ENQUEUE_AGAIN)
        assert len(films_in_queue()) == FILMS_WAITING
    empty_queue()  # and none is forgotten once there is room
    due = now + 5 * ENQUEUE_AGAIN
    enqueue_due_steps(due)
    first = set(films_in_queue())
    empty_queue()
    enqueue_due_steps(due)
    assert len(first | set(films_in_queue())) == FILMS_WAITING + 4


def films_in_queue() -> list[str]:
    return [step[0] for name, step in queued() if name == "keep"]


def test_p36_jobs_of_a_paused_key_are_left_in_peace(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    make_generation(alice)
    pause_refused_key(provider_key, refusal())
    empty_queue()
    enqueue_due_steps(timezone.now() + timedelta(days=1))
    # Its meter can still be read, and its owner be written to; neither sends a job.
    assert sorted(names()) == ["mail", "probe", "sample"]


def test_the_standing_orders_exist_once_and_start_a_sweep(vendor: Vendor) -> None:
    empty_queue()
    for _ in range(3):
        ensure_schedules()
    orders = {s.func.rpartition(".")[2].removesuffix("_step"): s for s in Schedule.objects.all()}
    assert set(orders) == {"sweep", "clean_up"}
    assert Schedule.objects.count() == 2
    assert {s.repeats for s in orders.values()} == {-1}
    assert (orders["sweep"].schedule_type, orders["sweep"].minutes) == (Schedule.MINUTES, 1)
    assert names() == ["sweep"] * 3


def test_standing_orders_that_two_workers_doubled_stop_no_third(vendor: Vendor) -> None:
    ensure_schedules()
    for order in list(Schedule.objects.all()):
        order.pk = None
        order.save()
    ensure_schedules()
    assert Schedule.objects.count() == 4
