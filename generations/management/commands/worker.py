"""`manage.py worker`: one background cluster, with the queue's standing orders in place."""

import argparse
import gc
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand
from django_q.conf import Conf

import generations.tasks  # noqa: F401 (loaded before the fork: the workers share its memory)
from generations.services.schedules import ensure_schedules
from platform_site.cluster import StoppableCluster
from platform_site.queues import MAIN_QUEUE, QUEUES


class Command(BaseCommand):
    """Run a django-q2 cluster."""

    help = "Run a background worker in the foreground; SIGTERM to it alone stops it in order."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--queue",
            choices=QUEUES,
            default=os.environ.get("Q_CLUSTER_NAME", MAIN_QUEUE),
            help="the queue to serve; Q_CLUSTER_NAME in the environment says the same",
        )

    def handle(self, *_args: Any, queue: str, **_options: Any) -> None:
        """Serve one queue until it is stopped."""
        if queue != Conf.CLUSTER_NAME:
            # django-q2 chooses its queue while it is imported, which has happened.
            environ = {**os.environ, "Q_CLUSTER_NAME": queue}
            os.execve(sys.executable, sys.orig_argv, environ)  # noqa: S606 (itself, anew)
        if queue == MAIN_QUEUE:
            ensure_schedules()
        # What is loaded stays out of collections, which would copy its pages into each worker.
        gc.collect()
        gc.freeze()
        StoppableCluster().start()
