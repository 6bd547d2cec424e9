"""The queues' system checks: each mistake that would let a redelivery do harm has its id."""

from typing import Any

import pytest
from pytest_django import Settings

from platform_site.clusters.queues import FILM_QUEUE
from tests.platform_site.test_checks import found

# One of the checks looks whether stored keys open.
pytestmark = pytest.mark.django_db


def queue(settings: Settings, films: dict[str, Any] | None = None, **main: Any) -> dict[str, Any]:
    """Return `Q_CLUSTER` with changes to the main queue and to that of films."""
    own = {**settings.Q_CLUSTER["ALT_CLUSTERS"][FILM_QUEUE], **(films or {})}
    return {**settings.Q_CLUSTER, "ALT_CLUSTERS": {FILM_QUEUE: own}, **main}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"retry": 120}, "E005"),
        ({"films": {"retry": 600}}, "E005"),
        ({"workers": 1, "retry": 700}, "E005 W035"),
        ({"name": "default"}, "E030"),
        ({"ALT_CLUSTERS": {}}, "E030"),
        ({"orm": "queue"}, "E031"),
        ({"orm": None, "redis": {"host": "cache"}}, "E031"),
        ({"broker_class": "django_q.brokers.orm.ORM"}, "E031"),
        ({"timeout": None}, "E032"),
        ({"timeout": 120.5}, "E032"),
        ({"films": {"timeout": 0}}, "E032"),
        ({"max_attempts": 0}, "E033"),
        ({"ack_failures": False}, "E033"),
        ({"bulk": 5}, "E034"),
        ({"save_limit": 250}, "E035"),
        ({"films": {"save_limit": 0}}, "E035"),
        ({"timeout": 60}, "E011"),
    ],
    ids=str,
)
def test_p26_a_queue_that_would_do_harm_is_told(
    settings: Settings, changes: dict[str, Any], expected: str
) -> None:
    changed = found(settings, Q_CLUSTER=queue(settings, **changes))
    assert changed == {f"dailies.{number}" for number in expected.split()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"CONN_MAX_AGE": None}, set()),
        ({"CONN_MAX_AGE": 0}, {"dailies.E036"}),
        ({"OPTIONS": {"timeout": 20}}, {"dailies.E037"}),
        ({"OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 2}}, {"dailies.E037"}),
    ],
    ids=str,
)
def test_p26_a_database_that_makes_finished_tasks_run_again_is_told(
    settings: Settings, changes: dict[str, Any], expected: set[str]
) -> None:
    sqlite = {
        "ENGINE": "django.db.backends.sqlite3",
        "CONN_MAX_AGE": 600,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
    assert found(settings, DATABASES={"default": {**sqlite, **changes}}) == expected


def test_p22_a_grace_that_would_cut_off_a_post_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generations.checks.GRACE_SECONDS", 20)
    assert found(settings) == {"dailies.E011"}
