"""Waiting for work: what is announced wakes, what nobody announced is noticed all the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from platform_site.clusters.heartbeats import record_heartbeat
from platform_site.clusters.shutdown import clear_shutdown, request_shutdown
from platform_site.clusters.watch import Watch, announce

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("deaf_looks"),
]

TOPIC = "test"
# Longer than any test: a wait that ends has been ended.
LONG = 600.0


@pytest.fixture
def watch(deaf_looks: None) -> Iterator[Watch]:
    """A watch that has heard nothing yet."""
    with Watch(TOPIC) as made:
        yield made


def cut(watch: Watch) -> None:
    """Take the bell away, as a server that restarts or a folder that is emptied does."""
    bell: Any = watch._bell
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            [pid] = bell._wrapper.connection.execute("SELECT pg_backend_pid()").fetchone()
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    else:
        Path(settings.DATA_DIR, "wake", TOPIC).unlink()


def test_an_announcement_ends_the_wait_without_a_query(watch: Watch) -> None:
    announce(TOPIC)
    with CaptureQueriesContext(connection) as queries:
        assert watch.wait(LONG) is True
    assert len(queries) == 0


def test_nothing_is_heard_of_another_topic_or_of_what_was_heard_already(watch: Watch) -> None:
    announce("another")
    assert watch.wait(0) is False
    announce(TOPIC)
    assert watch.wait(LONG) is True
    assert watch.wait(0) is False


def test_an_announcement_is_heard_when_its_transaction_commits_and_only_then(watch: Watch) -> None:
    with transaction.atomic():
        announce(TOPIC)
        assert watch.wait(0) is False
    assert watch.wait(LONG) is True
    with transaction.atomic():
        announce(TOPIC)
        transaction.set_rollback(True)
    assert watch.wait(0) is False


def test_one_of_a_crowd_of_announcements_is_looked_for_too(watch: Watch) -> None:
    announce(TOPIC)
    assert watch.wait(LONG) is True
    with transaction.atomic():
        record_heartbeat()
        announce(TOPIC)
    assert watch.wait(LONG) is True


def test_what_was_written_and_never_announced_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform_site.clusters.watch.LOOK_SECONDS", 0.05)
    with Watch(TOPIC) as watch:
        record_heartbeat()
        assert watch.wait(LONG) is True


def test_a_lost_bell_is_looked_for_and_heard_again(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_site.clusters.watch._OPEN_AGAIN_SECONDS", 0.0)
    cut(watch)
    assert watch.wait(LONG) is True, "whoever waits looks for what it may have missed"
    while watch.wait(0):
        pass  # The kernel tells twice that a file has gone.
    announce(TOPIC)
    assert watch.wait(LONG) is True


def test_without_a_bell_the_wait_is_a_short_one(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_site.clusters.watch._OPEN_AGAIN_SECONDS", LONG)
    watch.close()
    assert watch.wait(LONG) is True


def test_whoever_is_to_stop_does_not_wait(watch: Watch) -> None:
    request_shutdown()
    try:
        assert watch.wait(LONG) is False
    finally:
        clear_shutdown()
    assert watch.wait(0) is False
