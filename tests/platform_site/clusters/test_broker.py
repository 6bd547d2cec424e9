"""The broker: tasks in order, a liveness for each cluster, and nothing that kills the pusher."""

import gc
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task
from pytest_django import Settings

from platform_site.clusters.broker import UNREADABLE, HeartbeatBroker
from platform_site.clusters.queues import FILM_QUEUE, MAIN_QUEUE
from platform_site.clusters.registry import (
    ForeignSecrets,
    deregister,
    forget_silent,
    live_clusters,
    note_heartbeat,
    register,
)
from platform_site.clusters.shutdown import clear_shutdown, request_shutdown
from platform_site.models import Cluster
from platform_site.supervisor.liveness import Liveness
from tests.support.races import race
from tests.support.steps import Trap
from tests.support.waiting import until

Delivered = tuple[int | str, str]


class ACluster(HeartbeatBroker):
    """The broker of one cluster of many in this process."""


@pytest.fixture(autouse=True)
def closed_watches() -> Iterator[None]:
    """Close what brokers waited by: in a cluster it ends with the process."""
    yield
    gc.collect()


@pytest.fixture
def cluster(db: None) -> Iterator[UUID]:
    """A cluster that serves the main queue with `ACluster`."""
    ACluster.serving = uuid4()
    register(ACluster.serving, queue=MAIN_QUEUE)
    yield ACluster.serving
    ACluster.serving = None


def silence_seconds(cluster: UUID) -> float | None:
    return Cluster.objects.get(pk=cluster).silence_seconds(timezone.now())


def enqueue(*names: str, queue: str = MAIN_QUEUE) -> None:
    for name in names:
        async_task("generations.ops.steps.clean_up_step", task_name=name, cluster=queue)


def taken(broker: HeartbeatBroker) -> Delivered | None:
    tasks = broker.dequeue()
    return tasks[0] if tasks else None


def name_of(delivered: Delivered | None) -> str | None:
    return SignedPackage.loads(delivered[1])["name"] if delivered else None


def test_tasks_come_in_the_order_in_which_they_were_put_in(db: None) -> None:
    enqueue("first", "second", "third")
    enqueue("film", queue=FILM_QUEUE)
    broker = HeartbeatBroker(MAIN_QUEUE)
    assert [name_of(taken(broker)) for _ in range(4)] == ["first", "second", "third", None]
    assert name_of(taken(HeartbeatBroker(FILM_QUEUE))) == "film"


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p26_of_many_clusters_one_takes_each_task() -> None:
    enqueue(*map(str, range(20)))

    def take_all(_: int) -> list[str | None]:
        broker, names = HeartbeatBroker(MAIN_QUEUE), []
        while (delivered := taken(broker)) is not None or OrmQ.objects.filter(
            lock__lt=timezone.now()
        ).exists():
            if delivered is not None:
                names.append(name_of(delivered))
        return names

    shares: list[Any] = race(4, take_all)
    assert sorted(name for share in shares for name in share) == sorted(map(str, range(20)))


def test_a_task_that_is_not_acknowledged_comes_again_after_its_time(db: None) -> None:
    enqueue("lost")
    broker = HeartbeatBroker(MAIN_QUEUE)
    assert name_of(taken(broker)) == "lost"
    assert taken(broker) is None
    with time_machine.travel(timezone.now() + timedelta(seconds=Conf.RETRY + 1)):
        delivered = taken(broker)
    assert name_of(delivered) == "lost"
    assert delivered is not None
    broker.acknowledge(delivered[0])
    assert not OrmQ.objects.exists()


@pytest.fixture
def waiting_broker(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HeartbeatBroker]:
    """A broker that found nothing and finds nothing by looking: it must be told."""
    monkeypatch.setattr("platform_site.clusters.watch.LOOK_SECONDS", 600.0)
    monkeypatch.setattr("platform_site.clusters.broker._LONGEST_WAIT", 0.0)
    broker = HeartbeatBroker(MAIN_QUEUE)
    assert taken(broker) is None
    monkeypatch.setattr("platform_site.clusters.broker._LONGEST_WAIT", 600.0)
    yield broker
    assert broker._watch is not None
    broker._watch.close()


@pytest.mark.both_databases
def test_a_task_ends_the_wait_of_its_cluster(waiting_broker: HeartbeatBroker) -> None:
    enqueue("task")
    assert taken(waiting_broker) is None, "the wait, which ended"
    with CaptureQueriesContext(connection) as queries:
        assert name_of(taken(waiting_broker)) == "task"
    assert len(queries) == 2, "a look and a claim"


@pytest.mark.both_databases
def test_a_cluster_without_work_makes_no_queries(
    waiting_broker: HeartbeatBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_site.clusters.broker._LONGEST_WAIT", 0.0)
    enqueue("film", queue=FILM_QUEUE)
    with CaptureQueriesContext(connection) as queries:
        assert [taken(waiting_broker) for _ in range(5)] == [None] * 5
    assert len(queries) == 0


@pytest.mark.both_databases
def test_a_task_whose_announcement_was_lost_is_found(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_site.clusters.watch.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("platform_site.clusters.broker._LONGEST_WAIT", 0.0)
    broker = HeartbeatBroker(MAIN_QUEUE)
    assert taken(broker) is None
    monkeypatch.setattr("platform_site.clusters.broker._LONGEST_WAIT", 600.0)
    payload = SignedPackage.dumps({"id": "x", "name": "quiet"})
    OrmQ.objects.create(key=MAIN_QUEUE, payload=payload, lock=timezone.now())
    assert until(lambda: name_of(taken(broker))) == "quiet"


@pytest.mark.parametrize("payload", ["", "no package", "gAB:forged:1", "a:b:c"])
def test_what_cannot_be_read_is_set_aside_and_holds_up_nobody(db: None, payload: str) -> None:
    OrmQ.objects.create(key=MAIN_QUEUE, payload=payload, lock=timezone.now())
    foreign = SignedPackage.dumps({"id": "x", "name": "x"})
    OrmQ.objects.create(key=MAIN_QUEUE, payload=f"{foreign}x", lock=timezone.now())
    enqueue("next")
    assert name_of(taken(HeartbeatBroker(MAIN_QUEUE))) == "next"
    assert OrmQ.objects.filter(key=UNREADABLE).count() == 2


def test_a_cluster_is_given_its_own_pulse_before_any_task(cluster: UUID) -> None:
    enqueue("task")
    broker, other = ACluster(MAIN_QUEUE), HeartbeatBroker(MAIN_QUEUE)
    assert silence_seconds(cluster) is None
    liveness = taken(broker)
    assert name_of(liveness) == "heartbeat"
    assert OrmQ.objects.count() == 1, "no row that another cluster could take"
    assert name_of(taken(other)) == "task"
    assert liveness is not None
    broker.acknowledge(liveness[0])
    assert (silence_seconds(cluster) or 0) < 5
    assert live_clusters(MAIN_QUEUE, now=timezone.now()).count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_supervisor_hears_of_a_cluster_whose_database_is_away() -> None:
    ACluster.serving, ACluster.liveness = uuid4(), Liveness.make()
    try:
        broker = ACluster(MAIN_QUEUE)
        liveness = taken(broker)
        assert liveness is not None
        assert ACluster.liveness.silence_seconds() is None
        with Trap("platform_site_cluster", "UPDATE"):
            broker.acknowledge(liveness[0])
        assert (ACluster.liveness.silence_seconds() or 0) < 5
        assert SignedPackage.loads(liveness[1])["ack_failure"], "though the worker's query failed"
    finally:
        os.close(ACluster.liveness.descriptor)
        ACluster.serving = ACluster.liveness = None


def test_a_busy_cluster_needs_no_pulse(cluster: UUID) -> None:
    enqueue("task")
    broker = ACluster(MAIN_QUEUE)
    taken(broker)
    delivered = taken(broker)
    assert delivered is not None
    broker.acknowledge(delivered[0])
    assert silence_seconds(cluster) is not None


def test_nothing_is_taken_once_a_cluster_was_told_to_stop(cluster: UUID) -> None:
    enqueue("task")
    request_shutdown()
    try:
        assert taken(ACluster(MAIN_QUEUE)) is None
    finally:
        clear_shutdown()
    assert OrmQ.objects.filter(lock__lte=timezone.now()).count() == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_does_not_end_the_pusher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_site.clusters.broker._DATABASE_PAUSE", 0.0)
    enqueue("task")
    broker = HeartbeatBroker(MAIN_QUEUE)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_q_ormq RENAME TO gone")
        assert taken(broker) is None
        cursor.execute("ALTER TABLE gone RENAME TO django_q_ormq")
    delivered = taken(broker)
    assert name_of(delivered) == "task"
    assert delivered is not None
    with Trap("django_q_ormq", "DELETE"):
        broker.acknowledge(delivered[0])
    assert OrmQ.objects.count() == 1, "it comes again, which does no harm"


def test_p26_a_step_goes_to_its_own_queue_whatever_this_process_serves(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Conf, "CLUSTER_NAME", FILM_QUEUE)
    enqueue("main")
    assert [row.key for row in OrmQ.objects.all()] == [MAIN_QUEUE]


def test_hosts_that_do_not_share_their_secret_refuse_to_work(
    cluster: UUID, settings: Settings
) -> None:
    note_heartbeat(cluster)
    settings.SECRET_KEY = "another host's"
    with pytest.raises(ForeignSecrets, match="SECRET_KEY"):
        register(uuid4(), queue=MAIN_QUEUE)
    deregister(cluster)
    register(uuid4(), queue=MAIN_QUEUE)  # Changed everywhere, while all workers were stopped.


def test_clusters_that_died_are_forgotten_after_a_day(cluster: UUID) -> None:
    note_heartbeat(cluster)
    long_ago = timezone.now() - timedelta(days=2)
    Cluster.objects.create(
        id=uuid4(), queue=MAIN_QUEUE, host="gone", pid=1, started_at=long_ago, heartbeat_at=long_ago
    )
    Cluster.objects.create(id=uuid4(), queue=MAIN_QUEUE, host="never", pid=1, started_at=long_ago)
    assert forget_silent(now=timezone.now()) == 2
    assert list(Cluster.objects.values_list("pk", flat=True)) == [cluster]
