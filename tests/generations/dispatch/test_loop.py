"""The dispatch as a loop: woken when it must be, ended when it may, and never in the way."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections, transaction
from django.utils import timezone

from accounts.models import Membership
from accounts.roles import Role
from generations.dispatch.loop import LEASE_LIFE, run_dispatch
from generations.dispatch.post_pool import MOST_OF_ENDPOINT
from generations.dispatch.ramp import FIRST_POSTS
from generations.lifecycle import Ending, Money, ReviewReason, State
from generations.models import Generation, ProviderKey
from generations.ops.agenda import enqueue_due_steps
from generations.provider_keys import DISPATCH_LEASES, wake_dispatch
from generations.provider_keys.service import pause_provider_key, resume_provider_key
from generations.transitions import end_generation, transition
from platform_site.clusters.leases import acquire, is_any_held, release
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.shutdown import clear_shutdown, request_shutdown
from platform_site.models import Cluster, Lease
from tests.factories import SYSTEM, make_generation, make_member, make_provider_key, make_team
from tests.support.claiming import claim_next, limit_sends
from tests.support.crowds import make_crowd
from tests.support.races import race
from tests.support.sending import send_all, send_next
from tests.support.steps import empty_queue, queued, run_queue
from tests.support.vendor import CREATE, Vendor, running_vendor
from tests.support.waiting import until
from tests.support.working import CHEAP

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("provider_key", "vendor"),
]

DISPATCH = ("dispatch", ())
LATER = timedelta(minutes=1)


@contextmanager
def dispatching(*, run_seconds: float = 60.0) -> Iterator[threading.Thread]:
    """Let a loop run in a thread of its own, until the block is left and it has nothing to do."""

    def run() -> None:
        run_dispatch(run_seconds=run_seconds, idle_seconds=run_seconds)
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(is_leased)
        yield thread
    finally:
        request_shutdown()
        thread.join(60)
        clear_shutdown()
        assert not thread.is_alive()


def is_leased() -> bool:
    return is_any_held(DISPATCH_LEASES, now=timezone.now())


def states() -> set[str]:
    return set(Generation.objects.values_list("state", flat=True))


# What wakes it


def test_the_queue_has_one_step_however_many_are_ordered(alice: Membership) -> None:
    for _ in range(20):
        make_generation(alice, **CHEAP)
    assert queued() == [DISPATCH]


@pytest.mark.both_databases
def test_nothing_is_enqueued_while_a_loop_runs(alice: Membership) -> None:
    assert acquire(DISPATCH_LEASES[2], "somebody", now=timezone.now(), life=LATER)
    make_generation(alice)
    assert queued() == []
    release(DISPATCH_LEASES[2], "somebody", now=timezone.now())
    make_generation(alice)
    assert queued() == [DISPATCH]


@pytest.mark.both_databases
def test_many_who_wake_it_at_once_enqueue_one_step(alice: Membership) -> None:
    assert race(8, lambda _: wake_dispatch()) == [None] * 8
    assert queued() == [DISPATCH]


def test_a_transaction_wakes_it_once_it_is_committed(alice: Membership) -> None:
    with transaction.atomic():
        wake_dispatch()
        assert queued() == []
    assert queued() == [DISPATCH]


def test_what_awaits_approval_wakes_nobody(alice: Membership) -> None:
    wake_dispatch(0)
    assert queued() == []


@pytest.mark.both_databases
def test_an_order_that_races_the_end_of_the_loop_is_sent_or_has_woken_the_next(
    alice: Membership, vendor: Vendor
) -> None:
    """Nothing may be left to the sweep: it comes late."""
    for number in range(15):
        empty_queue()

        def work(turn: int, number: int = number) -> None:
            if turn:
                time.sleep(number / 1000)
                make_generation(alice, **CHEAP)
            else:
                send_all()

        assert race(2, work) == [None, None]
        if queued():
            run_all()
        assert len(vendor.creates) == number + 1
        Lease.objects.all().delete()  # as once the step's mark has run out


def run_all() -> None:
    """Do what the queue's steps would."""
    empty_queue()
    send_all()


def test_a_lost_step_strands_no_job(alice: Membership, vendor: Vendor) -> None:
    make_generation(alice)
    empty_queue()
    enqueue_due_steps(timezone.now())
    assert DISPATCH not in queued(), "one waits, as far as anybody knows"
    enqueue_due_steps(timezone.now() + LATER)
    assert queued().count(DISPATCH) == 1


def test_with_nothing_to_send_nothing_is_asked_for(
    alice: Membership, provider_key: ProviderKey
) -> None:
    limit_sends(provider_key, at_once=1)
    make_crowd(alice, 3)
    assert claim_next(now=timezone.now()) is not None
    empty_queue()
    enqueue_due_steps(timezone.now() + LATER)
    assert not send_next()
    assert DISPATCH not in queued()


@pytest.mark.both_databases
@pytest.mark.parametrize("leaves", ["ended", "review", "resumed", "raised"])
def test_whatever_frees_a_slot_wakes_it(
    alice: Membership, provider_key: ProviderKey, leaves: str
) -> None:
    limit_sends(provider_key, at_once=1)
    first = make_generation(alice, State.PROCESSING)
    make_generation(alice)
    if leaves == "resumed":
        limit_sends(provider_key, at_once=2)
        pause_provider_key(provider_key, reason="x", by=SYSTEM)
    empty_queue()
    Lease.objects.all().delete()
    assert claim_next(now=timezone.now()) is None
    now = timezone.now()
    if leaves == "ended":
        assert end_generation(first, Ending.FAILED, money=Money.RELEASE, by=SYSTEM, now=now)
    elif leaves == "review":
        assert transition(first, State.NEEDS_REVIEW, by=SYSTEM, review_reason=ReviewReason.SILENT)
    elif leaves == "resumed":
        resume_provider_key(provider_key, by=SYSTEM, now=now)
    else:
        limit_sends(provider_key, at_once=2)
    assert DISPATCH in queued()
    assert claim_next(now=timezone.now()) is not None


def test_an_end_wakes_nobody_where_nothing_waits(alice: Membership) -> None:
    job = make_generation(alice, State.PROCESSING)
    empty_queue()
    Lease.objects.all().delete()
    now = timezone.now()
    assert end_generation(job, Ending.FAILED, money=Money.RELEASE, by=SYSTEM, now=now)
    assert DISPATCH not in queued()


# What it does


@pytest.mark.both_databases
def test_a_loop_sends_all_that_can_be_sent(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    limit_sends(provider_key, at_once=20)
    make_crowd(alice, 40)
    send_all()
    assert (len(vendor.creates), states()) == (20, {State.QUEUED, State.PROCESSING})
    Generation.objects.update(state=State.QUEUED, upstream_id=None, next_submit_at=timezone.now())
    limit_sends(provider_key, at_once=100)
    send_all()
    assert (len(vendor.creates), states()) == (60, {State.PROCESSING})
    assert len({call.peer for call in vendor.creates}) == 60, "each on a connection of its own"


@pytest.mark.both_databases
def test_an_order_is_sent_while_the_loop_runs_without_being_woken(
    alice: Membership, vendor: Vendor
) -> None:
    with dispatching():
        job = make_generation(alice)
        until(lambda: Generation.objects.get(pk=job.pk).state == State.PROCESSING)
        assert queued() == []


@pytest.mark.both_databases
def test_p21_each_id_is_committed_though_others_of_its_group_hang(
    alice: Membership, vendor: Vendor
) -> None:
    gate = vendor.gate()
    vendor.next(CREATE, gate.before(vendor._usual))
    make_crowd(alice, FIRST_POSTS)
    with dispatching():
        gate.wait()
        until(lambda: count_of(State.PROCESSING) == FIRST_POSTS - 1)
        assert count_of(State.SUBMITTING) == 1
        make_generation(alice, **CHEAP)
        until(lambda: count_of(State.PROCESSING) == FIRST_POSTS)
        gate.open()
        until(lambda: states() == {State.PROCESSING})


def count_of(state: State) -> int:
    return Generation.objects.filter(state=state).count()


def test_p27_a_vendor_that_hangs_takes_no_other_ones_slots(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    limit_sends(provider_key)
    with running_vendor() as hanging:
        gate = hanging.gate()
        hanging.always(CREATE, gate.before(hanging._usual))
        ill = [make_team(f"Ill {number}", credits=5000) for number in range(6)]
        for team in ill:
            make_provider_key(team)
            make_crowd(make_member(team, Role.OWNER), 10)
        ProviderKey.objects.filter(team__in=ill).update(endpoint=hanging.url)
        make_crowd(alice, 30)
        with dispatching():
            ours = Generation.objects.filter(team=alice.team, state=State.PROCESSING)
            until(lambda: ours.count() == 30)
            until(lambda: len(hanging.creates) == MOST_OF_ENDPOINT)
            theirs = Generation.objects.filter(team__in=ill)
            assert theirs.filter(state=State.SUBMITTING).count() == MOST_OF_ENDPOINT
            gate.open()
            until(lambda: states() == {State.PROCESSING})


@pytest.mark.both_databases
@pytest.mark.parametrize(("at_once", "per_minute", "sent"), [(7, None, 7), (30, 1, 1)])
def test_p01_two_loops_that_race_keep_to_a_keys_cap_and_rate(
    alice: Membership,
    bob: Membership,
    vendor: Vendor,
    provider_key: ProviderKey,
    at_once: int,
    per_minute: int | None,
    sent: int,
) -> None:
    for _ in range(2):
        put_live_cluster()
    limit_sends(provider_key, at_once=at_once, per_minute=per_minute)
    for member in (alice, bob):
        make_crowd(member, 20)
    loops = race(2, lambda number: run_dispatch(idle_seconds=0.5, helps=number > 0))
    assert loops == [True, True]
    assert len(vendor.creates) == count_of(State.PROCESSING) == sent
    ours = Generation.objects.filter(state=State.PROCESSING)
    people = [ours.filter(user=member.user).count() for member in (alice, bob)]
    assert max(people) - min(people) == 1


def put_live_cluster() -> None:
    now = timezone.now()
    Cluster.objects.create(
        pk=uuid4(), queue=MAIN_QUEUE, host="h", pid=1, started_at=now, heartbeat_at=now
    )


# How it ends


def test_it_ends_when_there_is_nothing_to_send_and_calls_nobody(alice: Membership) -> None:
    send_all()
    assert queued() == []
    assert not is_leased()


def test_it_hands_over_what_is_left_when_its_time_is_over(
    alice: Membership, provider_key: ProviderKey, vendor: Vendor
) -> None:
    limit_sends(provider_key)
    make_crowd(alice, 60)
    empty_queue()
    run_dispatch(run_seconds=0.0)
    assert 0 < len(vendor.creates) < 60
    assert queued() == [DISPATCH]
    run_queue("dispatch")
    assert states() == {State.PROCESSING}


def test_one_loop_runs_and_helps_itself_to_no_other_lease(
    alice: Membership, vendor: Vendor
) -> None:
    make_generation(alice)
    assert not run_dispatch(idle_seconds=0.0, helps=True), "there is no further cluster"
    assert acquire(DISPATCH_LEASES[0], "other", now=timezone.now(), life=LEASE_LIFE)
    assert not run_dispatch(idle_seconds=0.0)
    assert vendor.creates == []
    Lease.objects.update(expires_at=timezone.now())  # it died
    assert run_dispatch(idle_seconds=0.0)
    assert len(vendor.creates) == 1


@pytest.mark.both_databases
def test_p21_a_stop_ends_it_and_waits_for_what_it_has_posted(
    alice: Membership, vendor: Vendor
) -> None:
    gate = vendor.gate()
    vendor.next(CREATE, gate.before(vendor._usual))
    job = make_generation(alice)
    with dispatching() as loop:
        gate.wait()
        empty_queue()
        request_shutdown()
        until(lambda: not is_leased())
        make_generation(alice)
        assert loop.is_alive()
        gate.open()
        loop.join(30)
    job.refresh_from_db()
    assert job.upstream_id == vendor.only_task
    assert queued().count(DISPATCH) == 1


def test_p27_what_hangs_at_the_end_does_not_keep_the_next_loop_waiting(
    alice: Membership, vendor: Vendor
) -> None:
    gate = vendor.gate()
    vendor.next(CREATE, gate.before(vendor._usual))
    make_generation(alice)
    with dispatching(run_seconds=0.5) as first:
        gate.wait()
        until(lambda: not is_leased())
        other = make_generation(alice)
        send_all()
        other.refresh_from_db()
        assert (other.state, first.is_alive()) == (State.PROCESSING, True)
        gate.open()
    assert states() == {State.PROCESSING}
