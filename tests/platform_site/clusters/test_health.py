"""`/healthz` looks at what requests need, and says which part does not work."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from platform_site.clusters.health import disk_state
from platform_site.clusters.queues import QUEUES
from platform_site.models import Cluster

pytestmark = pytest.mark.django_db


def beating(queue: str, *, ago: timedelta = timedelta()) -> None:
    """Write down a cluster whose last sign of life was so long ago."""
    at = timezone.now() - ago
    Cluster.objects.create(pk=uuid4(), queue=queue, host="h", pid=1, started_at=at, heartbeat_at=at)


def test_f17_all_is_well_when_database_disk_and_queues_are() -> None:
    for queue in QUEUES:
        beating(queue)
    reply = Client().get("/healthz")
    assert reply.status_code == 200
    everything = {"status": "ok", "database": "ok", "disk": "ok"}
    assert reply.json() == everything | {"queues": dict.fromkeys(QUEUES, "ok")}
    assert reply["Cache-Control"] == "no-store"


@pytest.mark.parametrize("silent", QUEUES)
def test_f17_a_queue_without_a_worker_is_told_and_the_web_serves_on(silent: str) -> None:
    for queue in QUEUES:
        beating(queue, ago=timedelta(hours=1 if queue == silent else 0))
    reply = Client().get("/healthz")
    assert (reply.status_code, reply.json()["status"]) == (200, "degraded")
    assert reply.json()["queues"][silent] == "silent"


def test_f17_a_folder_that_is_gone_is_unavailable(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "gone"
    reply = Client().get("/healthz")
    assert (reply.status_code, reply.json()["disk"]) == (503, "unwritable")
    assert reply["Retry-After"]


def test_f17_a_disk_without_room_is_full(tmp_path: Path) -> None:
    assert disk_state(tmp_path, least=1) == "ok"
    assert disk_state(tmp_path, least=1 << 62) == "full"


def test_f17_a_database_that_lacks_its_tables_is_unavailable() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE platform_site_cluster RENAME TO elsewhere")
    reply = Client().get("/healthz")
    assert (reply.status_code, reply.json()["database"]) == (503, "unavailable")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_f10_health_is_asked_by_get_and_head(method: str) -> None:
    reply = Client(enforce_csrf_checks=True).generic(method, "/healthz")
    assert (reply.status_code, reply["Allow"]) == (405, "GET, HEAD")
