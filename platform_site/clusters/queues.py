"""The queues' names and settings. Each is served by clusters of its own, on any number of hosts.

Films take minutes and a lot of bandwidth: in a queue of their own they never hold up a send.
"""

from typing import Any

from django.conf import settings

MAIN_QUEUE = "dailies"
FILM_QUEUE = "films"
QUEUES = (MAIN_QUEUE, FILM_QUEUE)
# From a worker's SIGTERM to its end. A POST that may cost money is never cut off: this is what it
# can last, with its outcome's transaction behind other writers.
GRACE_SECONDS = 75


# On top of what one task may last, during which a busy cluster has nothing to show.
PATIENCE_SECONDS = 30.0


def settings_of(queue: str) -> dict[str, Any]:
    """Return what django-q2 makes of `Q_CLUSTER` in a process that serves `queue`."""
    return {**settings.Q_CLUSTER, **alternatives_of(queue)}


def alternatives_of(queue: str) -> dict[str, Any]:
    """Return the settings in which a queue differs from the main one's."""
    main: dict[str, Any] = settings.Q_CLUSTER
    alternatives: dict[str, Any] = main.get("ALT_CLUSTERS", {}).get(queue, {})
    return alternatives


def patience_of(queue: str) -> float:
    """Return the seconds of silence that a healthy cluster of this queue never reaches."""
    return float(settings_of(queue)["timeout"] + PATIENCE_SECONDS)
