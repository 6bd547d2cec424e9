"""Judge how the queues are set up: delivered at least once, nothing here may do harm (P26).

The reasons are measured ones; see docs/decisions for the broker and django-q2's own source.
"""

import math
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004

from platform_site.checks import OURS
from platform_site.clusters.queues import MAIN_QUEUE, QUEUES, settings_of

BROKER = "platform_site.clusters.broker.HeartbeatBroker"


@register(OURS)
def queues_retry_late_enough(**_kwargs: Any) -> list[CheckMessage]:
    """E005: a copy of a task must not start while the first still runs.

    `retry` counts from the moment that a task leaves the table, waiting in the cluster included.
    """
    found: list[CheckMessage] = []
    for name in QUEUES:
        queue = settings_of(name)
        if not isinstance(queue["timeout"], int):
            continue  # E032
        ahead = queue["queue_limit"] + queue["workers"] + queue["bulk"]
        least = queue["timeout"] * math.ceil(ahead / queue["workers"]) + 3
        if queue["retry"] <= least:
            message = f"The queue {name} would run background jobs twice."
            hint = f"Set its 'retry' in Q_CLUSTER above {least}, or give it more workers."
            found.append(Error(message, hint=hint, id="dailies.E005"))
    return found


@register(OURS)
def queues_are_served_by_name(**_kwargs: Any) -> list[CheckMessage]:
    """E030: a queue without settings of its own is served with another's, or by nobody."""
    main: dict[str, Any] = settings.Q_CLUSTER
    alternatives = main.get("ALT_CLUSTERS", {})
    expected = {name for name in QUEUES if name != MAIN_QUEUE}
    if main["name"] != MAIN_QUEUE or set(alternatives) != expected:
        hint = f"Q_CLUSTER's name is {MAIN_QUEUE!r}; ALT_CLUSTERS has {sorted(expected)}."
        return [
            Error(
                "The queues in Q_CLUSTER differ from those in queues.py.",
                hint=hint,
                id="dailies.E030",
            )
        ]
    return []


@register(OURS)
def queue_is_in_the_main_database(**_kwargs: Any) -> list[CheckMessage]:
    """E031: only in the main database does a step commit with the rows that make it necessary."""
    queue = settings.Q_CLUSTER
    if queue.get("orm") != "default" or queue.get("broker_class") != BROKER:
        hint = f"Set Q_CLUSTER's 'orm' to 'default' and its 'broker_class' to {BROKER!r}."
        return [Error("The queue is not in the main database.", hint=hint, id="dailies.E031")]
    return []


@register(OURS)
def tasks_end(**_kwargs: Any) -> list[CheckMessage]:
    """E032 and E033: a task that hangs, or always fails, must leave the queue at last."""
    found: list[CheckMessage] = []
    for name in QUEUES:
        queue = settings_of(name)
        if not isinstance(queue["timeout"], int) or queue["timeout"] <= 0:
            hint = "Set its 'timeout' to whole seconds."
            message = f"A background job of the queue {name} may hang forever."
            found.append(Error(message, hint=hint, id="dailies.E032"))
        if not queue.get("ack_failures") or queue.get("max_attempts", 0) <= 0:
            hint = (
                "Set 'ack_failures' and a positive 'max_attempts': the sweep repeats what is due."
            )
            message = f"A failing background job of the queue {name} is repeated forever."
            found.append(Error(message, hint=hint, id="dailies.E033"))
    return found


@register(OURS)
def queues_are_quick(**_kwargs: Any) -> list[CheckMessage]:
    """E034, E035: what makes each task cost several times as much, or holds up others."""
    found: list[CheckMessage] = []
    for name in QUEUES:
        found += _slow(name, settings_of(name))
    return found


def _slow(name: str, queue: dict[str, Any]) -> Iterator[CheckMessage]:
    if queue["bulk"] != 1:
        hint = "Set 'bulk' to 1."
        message = f"One unreadable background job of the queue {name} holds up those taken with it."
        yield Error(message, hint=hint, id="dailies.E034")
    if queue["save_limit"] != -1:
        hint = "Set 'save_limit' to -1; failed jobs are kept anyway."
        message = f"The queue {name} stores each success, and reads all of them after each job."
        yield Error(message, hint=hint, id="dailies.E035")


@register(OURS)
def main_queue_has_room_beside_the_sweep(**_kwargs: Any) -> list[CheckMessage]:
    """W035: the sweep takes one worker for itself."""
    if settings_of(MAIN_QUEUE)["workers"] < 2:
        hint = "Set WORKERS to 2 or more."
        message = "The sweep takes the only worker, so nothing is sent."
        return [Warning(message, hint=hint, id="dailies.W035")]
    return []


@register(OURS)
def connections_last(**_kwargs: Any) -> list[CheckMessage]:
    """E036: a queue in the database asks it many times a second."""
    age = settings.DATABASES["default"].get("CONN_MAX_AGE", 0)
    if age is not None and age < 60:
        hint = "Set CONN_MAX_AGE of the default database to 600."
        message = "Each poll of the queue opens a new database connection."
        return [Error(message, hint=hint, id="dailies.E036")]
    return []


@register(OURS)
def sqlite_waits_for_locks(**_kwargs: Any) -> list[CheckMessage]:
    """E037: a writer that gives up early, or halfway, has finished tasks run again."""
    database = settings.DATABASES["default"]
    options = database.get("OPTIONS", {})
    if not database["ENGINE"].endswith("sqlite3"):
        return []
    if options.get("transaction_mode") != "IMMEDIATE" or options.get("timeout", 5) < 20:
        hint = "Set OPTIONS of the default database: transaction_mode IMMEDIATE, timeout 20."
        message = "SQLite's writers do not wait for locks."
        return [Error(message, hint=hint, id="dailies.E037")]
    return []
