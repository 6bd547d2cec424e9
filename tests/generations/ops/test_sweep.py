"""The sweep: a loop finds whatever is due, others help it, and a dead one stops nobody."""

import threading
import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.db import connections, transaction
from django.utils import timezone
from django_q.models import Failure, Schedule

from accounts.models import Membership, NoticeKind, Team, WebhookDelivery
from accounts.notices.service import notify
from billing.services.alerts import set_low_mark
from generations.archive.steps import FILMS_WAITING
from generations.dispatch.steps import SENDS_WAITING
from generations.lifecycle import State
from generations.models import (
    CallbackReceipt,
    Film,
    Generation,
    ProviderKey,
    Upload,
    UsageSample,
)
from generations.ops.clean_up import clean_up
from generations.ops.schedules import ensure_schedules
from generations.ops.sweep import (
    HELPERS,
    LEASE,
    LEASE_LIFE,
    enqueue_due_steps,
    run_sweep,
)
from generations.polling.claims import CLAIM, is_behind
from generations.polling.loop import Poller
from generations.polling.pool import QUICK_THREADS
from generations.provider_keys.service import pause_refused_key
from generations.reports.audit import audit
from platform_site.clusters.heartbeats import heartbeat_age_seconds
from platform_site.clusters.leases import acquire
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.registry import note_heartbeat, register
from platform_site.clusters.shutdown import clear_shutdown, request_shutdown
from platform_site.clusters.steps import ENQUEUE_AGAIN
from platform_site.models import Cluster, Lease
from tests.factories import SYSTEM, fund, make_generation, make_provider_key, refusal
from tests.support.races import race
from tests.support.steps import Trap, empty_queue, queued
from tests.support.vendor import TASKS, Exchange, Vendor, drop
from tests.support.waiting import until
from tests.support.working import long_due, working

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def provider_key(team: Team, vendor: Vendor) -> ProviderKey:
    """A key whose meter was just read, of a team that is never told of a low wallet.

    So nothing is due but what a test makes due itself.
    """
    set_low_mark(team=team, credits=0, by=SYSTEM)
    key = make_provider_key(team)
    read_usage_at(timezone.now() + timedelta(hours=1))
    return key


def read_usage_at(at: datetime) -> None:
    ProviderKey.objects.update(next_sample_at=at)


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
    assert list(audit()) == []


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


def test_each_due_step_is_enqueued_once_and_again_only_after_a_while(
    alice: Membership, vendor: Vendor, provider_key: ProviderKey
) -> None:
    now = timezone.now()
    rows = one_of_everything(alice, now)
    empty_queue()
    enqueue_due_steps(now)
    expected = {
        ("keep", (str(rows["film"].pk),)),
        ("deliver", ()),
        ("mail", (rows["notice"].pk,)),
        ("check_callback", (rows["callback"].pk,)),
        ("sample", (provider_key.pk,)),
    }
    assert steps() == sorted(expected)
    enqueue_due_steps(now + timedelta(seconds=30))
    assert steps() == sorted(expected)
    enqueue_due_steps(now + timedelta(seconds=61))
    assert steps() == sorted([*expected, *expected])


def steps() -> list[tuple[str, tuple[Any, ...]]]:
    """Return what is queued but the sends, of which there are a few while anything can be sent."""
    sends = [name for name in names() if name == "send"]
    assert 0 < len(sends) <= SENDS_WAITING
    return sorted(step for step in queued() if step[0] != "send")


def make_sample(provider_key: ProviderKey, taken_at: datetime) -> None:
    UsageSample.objects.create(
        provider_key=provider_key,
        taken_at=taken_at,
        charged=0,
        refunded=0,
        in_flight=0,
        unknown=0,
        stable=True,
        is_baseline=False,
        verdict="waiting",
    )


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
    read_usage_at(now)
    return rows


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_enqueue_each_step_once(alice: Membership, vendor: Vendor) -> None:
    now = timezone.now()
    one_of_everything(alice, now)
    empty_queue()

    def step(_number: int) -> bool:
        # Slow enough that all of them have read the rows before the first one commits.
        with transaction.atomic():
            enqueued = enqueue_due_steps(now)
            time.sleep(0.2)
            return enqueued

    assert race(3, step) == [True] * 3
    kinds = [name for name, _ in steps()]
    assert kinds == ["check_callback", "deliver", "keep", "mail", "sample"]


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


def test_the_standing_orders_exist_once_and_start_a_sweep(vendor: Vendor) -> None:
    empty_queue()
    for _ in range(3):
        ensure_schedules()
    orders = {s.func.rpartition(".")[2]: s for s in Schedule.objects.all()}
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


def test_clean_up_takes_away_what_has_served_its_time(
    alice: Membership, provider_key: ProviderKey
) -> None:
    now = timezone.now()
    for days in (29, 31):
        make_sample(provider_key, now - timedelta(days=days))
    for expires_at in (now - timedelta(seconds=1), now + timedelta(hours=1)):
        Upload.objects.create(
            team=alice.team,
            user=alice.user,
            file_name="x.png",
            content_type="image/png",
            size=1,
            width=1,
            height=1,
            expires_at=expires_at,
        )
        Session.objects.create(session_key=str(expires_at), session_data="", expire_date=expires_at)
    for days in (1, 8):
        Failure.objects.create(
            id=f"failure-{days}",
            name="x",
            func="x",
            success=False,
            started=now - timedelta(days=days),
            stopped=now - timedelta(days=days),
        )
    cleared = clean_up()
    expected = {"uploads": 1, "samples": 1, "sealed_keys": 0, "sessions": 1, "failures": 1}
    assert {name: cleared[name] for name in expected} == expected
    assert set(clean_up().values()) == {0}
