"""The poller: nobody waits behind another, and what many answers say is written at once."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Membership
from generations.callbacks.service import receive_callback
from generations.lifecycle import State
from generations.models import Generation, ProviderKey
from generations.polling.claims import CLAIM, due_rows, put_off
from generations.polling.congestion import MOST_AT_ONCE
from generations.polling.loop import Poller
from generations.polling.outcome import complete
from generations.polling.pool import MOST_IN_TROUBLE
from generations.vendors import TaskReport, TaskStatus
from tests.support.races import race
from tests.support.steps import Trap, claim_due, poll_due
from tests.support.vendor import TASKS, Vendor, drop, refuse
from tests.support.working import CHEAP, long_due, working

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def poll_until(poller: Poller, done: Callable[[], object], *, why: str) -> None:
    give_up_at = time.monotonic() + 30
    while not done():
        assert time.monotonic() < give_up_at, why
        poller.step(pause=0.05)


def test_p27_a_hundred_that_hang_delay_nobody(alice: Membership, vendor: Vendor) -> None:
    gate = vendor.gate()
    hanging = long_due(100, alice, vendor)
    stuck = long_due(20, alice, vendor)
    for one in hanging:
        vendor.always(f"{TASKS}{one.upstream_id}", gate.before(drop))
    quick = long_due(10, alice, vendor)
    Generation.objects.filter(pk__in=[one.pk for one in quick]).update(next_poll_at=timezone.now())
    for one in quick:
        vendor.fail(one.upstream_id or "")

    poller = Poller()
    poll_until(
        poller,
        lambda: Generation.objects.filter(state=State.FAILED).count() == len(quick),
        why="those that hang keep the others waiting",
    )
    assert not any(call for one in hanging for call in vendor.looks_at(one.upstream_id or "")[1:])
    assert all(vendor.looks_at(one.upstream_id or "") for one in stuck)
    gate.open()
    poller.finish(seconds=20)
    states = {one.state for one in Generation.objects.filter(pk__in=[g.pk for g in hanging])}
    assert states == {State.PROCESSING}


def test_p27_those_that_gave_trouble_hang_in_few_places(alice: Membership, vendor: Vendor) -> None:
    gate = vendor.gate()
    hanging = long_due(MOST_IN_TROUBLE + 20, alice, vendor)
    for one in hanging:
        vendor.always(f"{TASKS}{one.upstream_id}", gate.before(drop))
    Generation.objects.update(poll_failures=1)
    poller = Poller()

    def asked() -> int:
        return sum(len(vendor.looks_at(one.upstream_id or "")) for one in hanging)

    poll_until(poller, lambda: asked() == MOST_IN_TROUBLE, why="fewer than may be are asked")
    for _ in range(10):
        poller.step(pause=0.05)
    assert asked() == MOST_IN_TROUBLE
    [quick] = long_due(1, alice, vendor)
    vendor.fail(quick.upstream_id or "")
    poll_until(
        poller,
        lambda: Generation.objects.filter(state=State.FAILED).exists(),
        why="those in trouble keep a sound one waiting",
    )
    gate.open()
    poller.finish(seconds=20)


def test_p27_a_keys_thousand_rows_let_another_keys_one_pass(
    alice: Membership, charlie: Membership, vendor: Vendor
) -> None:
    long_due(30, alice, vendor)
    [late] = long_due(1, charlie, vendor)
    Generation.objects.filter(pk=late.pk).update(next_poll_at=timezone.now())
    assert late.pk in [row.id for row in due_rows(timezone.now(), limit=2)]


def test_p27_what_gave_trouble_takes_turns_with_what_did_not(
    alice: Membership, vendor: Vendor
) -> None:
    jobs = long_due(8, alice, vendor)
    in_trouble = [job.pk for job in jobs[:6]]
    Generation.objects.filter(pk__in=in_trouble).update(poll_failures=3)
    first = [row.in_trouble for row in due_rows(timezone.now(), limit=4)]
    assert sorted(first) == [False, False, True, True]
    sound = due_rows(timezone.now(), limit=9, with_trouble=False)
    assert {row.id for row in sound} == {job.pk for job in jobs[6:]}


def test_p28_too_many_requests_slow_down_that_key_only(
    alice: Membership,
    charlie: Membership,
    vendor: Vendor,
    provider_key: ProviderKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As long as the longest rest, so that it outlasts this test on any machine.
    monkeypatch.setattr("generations.polling.congestion._FIRST_REST", 60.0)
    throttled = long_due(MOST_AT_ONCE + 20, alice, vendor)
    for one in throttled:
        vendor.always(f"{TASKS}{one.upstream_id}", refuse(429, "rate_limit_exceeded"))
    others = long_due(20, charlie, vendor)
    for one in others:
        vendor.fail(one.upstream_id or "")
    poller = Poller()
    poll_until(
        poller,
        lambda: Generation.objects.filter(state=State.FAILED).count() == len(others),
        why="one key's trouble keeps another waiting",
    )
    poller.finish(seconds=20)
    asked = [one for one in throttled if vendor.looks_at(one.upstream_id or "")]
    assert 0 < len(asked) < len(throttled), "the key was asked on and on"
    left = Generation.objects.filter(pk__in=[job.pk for job in throttled], polls=0)
    assert {one.poll_failures for one in left} == {0}
    again = Poller()
    again.step(pause=0.1)
    again.finish(seconds=20)
    times = [len(vendor.looks_at(one.upstream_id or "")) for one in throttled]
    assert sum(times) == len(asked), "another sweep asked while the key rests"


def test_many_that_still_run_take_few_statements(
    alice: Membership, vendor: Vendor, django_assert_max_num_queries: Any
) -> None:
    jobs = long_due(60, alice, vendor)
    with django_assert_max_num_queries(40):
        poll_due()
    rows = Generation.objects.filter(pk__in=[job.pk for job in jobs])
    assert set(rows.values_list("polls", "poll_failures", "poll_holder")) == {(1, 0, "")}
    assert not rows.filter(next_poll_at__lte=timezone.now()).exists()


def test_a_row_that_cannot_be_put_off_does_not_take_its_group_along(
    alice: Membership, vendor: Vendor
) -> None:
    jobs = long_due(5, alice, vendor)
    with Trap("generations_generation", "UPDATE", f"NEW.id = '{jobs[2].pk.hex}' AND NEW.polls > 0"):
        poll_due()
    polls = [Generation.objects.get(pk=job.pk).polls for job in jobs]
    assert polls == [1, 1, 0, 1, 1]


def test_what_is_not_asked_yet_is_given_back(alice: Membership, vendor: Vendor) -> None:
    gate = vendor.gate()
    jobs = long_due(60, alice, vendor)
    for one in jobs:
        vendor.always(f"{TASKS}{one.upstream_id}", gate.before(drop))
    poller = Poller()
    poller.step(pause=0.1)
    poller.finish(seconds=0)
    rows = Generation.objects.filter(pk__in=[job.pk for job in jobs])
    assert set(rows.values_list("poll_holder", flat=True)) == {""}
    due = rows.filter(next_poll_at__lte=timezone.now())
    assert 0 < due.count() < len(jobs)
    assert set(due.values_list("polls", "poll_failures")) == {(0, 0)}
    hung = rows.filter(next_poll_at__gt=timezone.now())
    assert set(hung.values_list("polls", "poll_failures")) == {(1, 1)}


def test_p27_the_longest_overdue_are_asked_first(alice: Membership, vendor: Vendor) -> None:
    now = timezone.now()
    jobs = [working(alice, vendor, **CHEAP) for _ in range(6)]
    for rank, one in enumerate(jobs):
        due = now - timedelta(seconds=rank)
        Generation.objects.filter(pk=one.pk).update(next_poll_at=due)
    assert [one.id for one in claim_due(now, limit=3)] == [one.pk for one in reversed(jobs[3:])]


@pytest.mark.both_databases
def test_p26_a_dead_sweeps_rows_come_back_by_time(job: Generation) -> None:
    now = timezone.now()
    assert [row.id for row in claim_due(now, limit=5, holder="dead")] == [job.pk]
    assert claim_due(now + CLAIM - timedelta(seconds=1), limit=5) == []
    assert [row.id for row in claim_due(now + CLAIM, limit=5, holder="heir")] == [job.pk]
    # The dead one was only slow: its answer changes nothing any more.
    later = {job.pk: now + timedelta(hours=1)}
    assert put_off(later, holder="dead", claimed_at=now, clear=True) == 0
    assert put_off(later, holder="heir", claimed_at=now + CLAIM, clear=True) == 1


@pytest.mark.both_databases
def test_p30_a_callback_that_comes_while_the_vendor_is_asked_is_not_forgotten(
    job: Generation,
) -> None:
    now = timezone.now()
    claim_due(now, limit=1, holder="sweep")
    receive_callback(
        job.callback_token,
        headers={"X-Event": "task.completed"},
        body=json.dumps({"id": job.upstream_id}).encode(),
        sent_from="127.0.0.1",
        now=timezone.now(),
    )
    later = {job.pk: now + timedelta(minutes=10)}
    assert put_off(later, holder="sweep", claimed_at=now, clear=True) == 0
    assert [row.id for row in claim_due(timezone.now(), limit=1)] == [job.pk]


@pytest.mark.both_databases
def test_what_ended_meanwhile_is_not_put_off(job: Generation) -> None:
    now = timezone.now()
    claim_due(now, limit=1, holder="sweep")
    report = TaskReport(id=job.upstream_id or "", status=TaskStatus.COMPLETED, urls=("http://u/",))
    assert complete(job, report, now=now)
    assert put_off({job.pk: now}, holder="sweep", claimed_at=now, clear=True) == 0
    job.refresh_from_db()
    assert (job.next_poll_at, job.poll_holder) == (None, "")


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p27_sweeps_that_poll_at_once_share_what_is_due(alice: Membership, vendor: Vendor) -> None:
    for _ in range(30):
        working(alice, vendor, **CHEAP)
    now = timezone.now() + timedelta(seconds=1)
    shares = race(4, lambda _: [one.id for one in claim_due(now, limit=30)])
    claimed = [pk for share in shares if isinstance(share, list) for pk in share]
    assert len(claimed) == len(set(claimed)) == 30
