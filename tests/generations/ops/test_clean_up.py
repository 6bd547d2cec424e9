"""Clean-up of what has served its time, and of the queue's tables, which django-q2 never prunes."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success, Task

from accounts.models import Membership
from generations.models import ProviderKey, Upload, UsageSample
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
