"""The sweep: one loop polls, others help it, and a dead one stops nobody."""

import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from accounts.models import Membership
from generations.lifecycle import EventKind, State
from generations.models import Film, Generation
from generations.ops.sweep import HELPERS, LEASE, LEASE_LIFE, run_sweep
from generations.polling.claims import CLAIM, is_behind
from generations.polling.loop import Poller
from generations.polling.pool import QUICK_THREADS
from generations.reports.audit import audit_site
from generations.review.decide import PATIENCE
from platform_site.clusters.heartbeats import heartbeat_age_seconds
from platform_site.clusters.leases import acquire
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.registry import note_heartbeat, register
from platform_site.clusters.shutdown import clear_shutdown, request_shutdown
from platform_site.models import Cluster, Lease
from tests.factories import make_generation
from tests.support.races import race
from tests.support.steps import Trap, empty_queue, queued
from tests.support.vendor import TASKS, Exchange, Vendor, drop
from tests.support.waiting import until
from tests.support.working import long_due, working

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


def names() -> list[str]:
    return [name for name, _ in queued()]


def test_a_sweep_polls_beats_and_hands_over(alice: Membership, vendor: Vendor) -> None:
    job = working(alice, vendor)
    vendor.fail(job.upstream_id or "")
    empty_queue()
    assert run_sweep(run_seconds=0.3) is True
    job.refresh_from_db()
    assert job.state == State.FAILED
    age = heartbeat_age_seconds()
    assert age is not None
    assert age < 5
    assert names() == ["sweep"]
    assert acquire(LEASE, "successor", now=timezone.now(), life=LEASE_LIFE)


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_two_sweeps_at_once_one_runs(alice: Membership, vendor: Vendor) -> None:
    outcomes = race(3, lambda _: run_sweep(run_seconds=1.5))
    assert sorted(map(str, outcomes)) == ["False", "False", "True"]
    assert names() == ["sweep"], "the chain of sweeps doubled"


def test_a_dead_sweeps_lease_expires(vendor: Vendor) -> None:
    died_at = timezone.now() - LEASE_LIFE
    acquire(LEASE, "dead", now=died_at + timedelta(seconds=5), life=LEASE_LIFE)
    assert run_sweep(run_seconds=0.1) is False
    acquire(LEASE, "dead", now=died_at - timedelta(seconds=1), life=LEASE_LIFE)
    Lease.objects.update(expires_at=timezone.now())
    assert run_sweep(run_seconds=0.1) is True


def test_a_fresh_worker_waits_for_the_lease_of_a_dead_one(vendor: Vendor) -> None:
    acquire(LEASE, "dead", now=timezone.now(), life=timedelta(seconds=1))
    assert run_sweep(run_seconds=0.1, wait_seconds=5) is True


@pytest.mark.django_db(transaction=True)
def test_a_sweep_that_lost_its_lease_ends_without_a_successor(
    alice: Membership, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generations.ops.sweep.RENEW_SECONDS", 0.1)
    task_id = working(alice, vendor).upstream_id
    empty_queue()

    def take_over(exchange: Exchange) -> None:
        # As another sweep does after a pause of ours that was longer than the lease.
        Lease.objects.update(holder="another", expires_at=timezone.now() + LEASE_LIFE)
        connections.close_all()
        exchange.close()

    vendor.next(f"{TASKS}{task_id}", take_over)
    assert run_sweep(run_seconds=5) is False
    assert names() == []


@pytest.mark.django_db(transaction=True)
def test_p27_the_next_sweep_starts_while_the_last_answers_hang(
    alice: Membership, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generations.ops.sweep.FINISH_SECONDS", 60.0)
    gate = vendor.gate()
    job = working(alice, vendor)
    vendor.always(f"{TASKS}{job.upstream_id}", gate.before(drop))
    empty_queue()

    def sweep() -> None:
        run_sweep(run_seconds=0.3)
        connections.close_all()

    first = threading.Thread(target=sweep)
    first.start()
    gate.wait()
    until(lambda: names() == ["sweep"], seconds=20)
    assert first.is_alive(), "it was not hanging"
    other = working(alice, vendor)
    vendor.fail(other.upstream_id or "")
    assert run_sweep(run_seconds=0.5) is True
    other.refresh_from_db()
    assert other.state == State.FAILED
    gate.open()
    first.join(20)
    assert not first.is_alive()


def let_clusters_work(count: int) -> None:
    Cluster.objects.all().delete()
    for _ in range(count):
        cluster = uuid4()
        register(cluster, queue=MAIN_QUEUE)
        note_heartbeat(cluster)


def test_a_second_sweep_helps_only_while_rows_wait_and_another_cluster_works(
    alice: Membership, vendor: Vendor
) -> None:
    acquire(LEASE, "first", now=timezone.now(), life=timedelta(minutes=5))
    let_clusters_work(2)
    assert run_sweep(run_seconds=0.3) is False, "nothing waits"
    [job] = long_due(1, alice, vendor)
    vendor.fail(job.upstream_id or "")
    make_generation(alice)
    let_clusters_work(1)
    assert run_sweep(run_seconds=0.3) is False, "there is one cluster"
    let_clusters_work(2)
    empty_queue()
    assert run_sweep(run_seconds=0.5) is True
    job.refresh_from_db()
    assert job.state == State.FAILED
    # It did no chores, nobody waits any more, and so it has no successor.
    assert "sweep" not in names()
    assert Lease.objects.get(name=HELPERS[0]).holder == ""


def test_a_sweep_that_falls_behind_calls_for_help_and_has_a_successor(
    alice: Membership, vendor: Vendor
) -> None:
    gate = vendor.gate()
    for job in long_due(QUICK_THREADS * 4, alice, vendor):
        vendor.always(f"{TASKS}{job.upstream_id}", gate.before(drop))
    let_clusters_work(2)
    empty_queue()
    assert run_sweep(run_seconds=0.1) is True
    assert names().count("sweep") == 2, "one to go on, one to help"
    gate.open()


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p26_sweeps_at_once_share_the_rows_and_ask_each_once(
    alice: Membership, vendor: Vendor
) -> None:
    jobs = long_due(120, alice, vendor)
    for job in jobs:
        vendor.fail(job.upstream_id or "")
    let_clusters_work(3)
    outcomes = race(4, lambda _: run_sweep(run_seconds=5))
    assert outcomes.count(True) in {1, 2, 3}
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert {len(vendor.looks_at(job.upstream_id or "")) for job in jobs} == {1}
    assert set(Generation.objects.values_list("state", flat=True)) == {State.FAILED}
    assert list(audit_site()) == []


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p26_pollers_at_once_ask_about_each_row_once(alice: Membership, vendor: Vendor) -> None:
    jobs = long_due(200, alice, vendor)

    def poll(_number: int) -> None:
        poller = Poller()
        ends = time.monotonic() + 60
        while time.monotonic() < ends and (poller.busy or is_behind(timezone.now(), by=CLAIM)):
            poller.step(pause=0.05)
        poller.finish(seconds=20)

    assert race(4, poll) == [None] * 4
    assert {len(vendor.looks_at(job.upstream_id or "")) for job in jobs} == {1}
    rows = set(Generation.objects.values_list("polls", "poll_failures", "poll_holder"))
    assert rows == {(1, 0, "")}


@pytest.mark.django_db(transaction=True)
def test_a_sweep_that_is_told_to_stop_hands_back_and_hands_over(
    alice: Membership, vendor: Vendor
) -> None:
    gate = vendor.gate()
    jobs = long_due(60, alice, vendor)
    for job in jobs:
        vendor.always(f"{TASKS}{job.upstream_id}", gate.before(drop))
    empty_queue()

    def sweep() -> None:
        run_sweep(run_seconds=600)
        connections.close_all()

    sweeping = threading.Thread(target=sweep)
    sweeping.start()
    gate.wait()
    request_shutdown()
    try:
        sweeping.join(30)
        assert not sweeping.is_alive()
    finally:
        clear_shutdown()
        gate.open()
    assert "sweep" in names()
    assert set(Generation.objects.values_list("poll_holder", flat=True)) == {""}
    assert acquire(LEASE, "successor", now=timezone.now(), life=LEASE_LIFE)
    due_soon = Generation.objects.filter(next_poll_at__lt=timezone.now() + CLAIM / 2)
    assert due_soon.count() == len(jobs)


@pytest.mark.django_db(transaction=True)
def test_f15_alarms_that_cannot_be_raised_keep_no_long_review_from_being_told(
    alice: Membership, vendor: Vendor
) -> None:
    now = timezone.now()
    with time_machine.travel(now - PATIENCE * 2, tick=False):
        review = make_generation(alice, State.NEEDS_REVIEW)
        late = make_generation(alice, State.COMPLETED)
    Film.objects.filter(pk=late.pk).update(
        state=Film.State.PENDING,
        created_at=now - timedelta(hours=23),
        link_expires_at=now + timedelta(hours=1),
        next_attempt_at=None,
    )
    with Trap("generations_film", "UPDATE"):
        run_sweep(run_seconds=0.3)
    assert review.events.filter(kind=EventKind.REVIEW_TOLD).exists()


@pytest.mark.django_db(transaction=True)
def test_a_chore_that_fails_does_not_stop_the_polling(alice: Membership, vendor: Vendor) -> None:
    job = working(alice, vendor)
    vendor.fail(job.upstream_id or "")
    make_generation(alice)
    Generation.objects.filter(state=State.QUEUED).update(next_submit_at=timezone.now())
    with Trap("generations_generation", "UPDATE", "NEW.state = 'queued'"):
        run_sweep(run_seconds=0.3)
    job.refresh_from_db()
    assert job.state == State.FAILED
