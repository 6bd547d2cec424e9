"""Clean-up of the queue's own tables, which django-q2 never prunes."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success, Task

from generations.ops.clean_up import CHORES, clean_up
from platform_site.clusters.broker import UNREADABLE
from platform_site.clusters.queues import FILM_QUEUE, MAIN_QUEUE
from platform_site.models import Cluster
from tests.support.steps import Trap

pytestmark = pytest.mark.django_db


def put(key: str, at: datetime) -> None:
    OrmQ.objects.create(key=key, payload="", lock=at)


def test_tasks_that_no_cluster_serves_or_reads_go_after_a_day() -> None:
    now = timezone.now()
    for at in (now - timedelta(days=2), now - timedelta(hours=1)):
        for key in (UNREADABLE, "a queue of before", MAIN_QUEUE, FILM_QUEUE):
            put(key, at)
    assert clean_up()["tasks"] == 2
    # What waits for a cluster that is away stays, however long: it will be served.
    assert OrmQ.objects.filter(key__in=(MAIN_QUEUE, FILM_QUEUE)).count() == 4
    assert clean_up()["tasks"] == 0


def test_results_go_after_a_week() -> None:
    now = timezone.now()
    for number, days in enumerate((6, 8)):
        for success in (True, False):
            at = now - timedelta(days=days)
            Task.objects.create(
                id=f"{number}{success}", name="t", func="f", started=at, stopped=at, success=success
            )
    done = clean_up()
    assert (done["failures"], done["successes"]) == (1, 1)
    assert (Failure.objects.count(), Success.objects.count()) == (1, 1)


def test_clusters_that_died_go_after_a_day() -> None:
    long_ago = timezone.now() - timedelta(days=2)
    Cluster.objects.create(id=uuid4(), queue=MAIN_QUEUE, host="gone", pid=1, started_at=long_ago)
    assert clean_up()["clusters"] == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_f15_a_chore_that_fails_keeps_none_of_the_others_from_being_done() -> None:
    Session.objects.create(session_key="s", session_data="", expire_date=timezone.now())
    long_ago = timezone.now() - timedelta(days=2)
    Cluster.objects.create(id=uuid4(), queue=MAIN_QUEUE, host="gone", pid=1, started_at=long_ago)
    with Trap("django_session", "DELETE"):
        done = clean_up()
    assert done["clusters"] == 1
    assert set(CHORES) - set(done) == {"sessions"}
    assert clean_up()["sessions"] == 1
