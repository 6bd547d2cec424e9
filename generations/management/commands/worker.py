"""`manage.py worker`: one background cluster, with the queue's schedules in place."""

import argparse
import os
from typing import Any
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from generations.ops import STEPS, ensure_schedules
from platform_site.checks import OURS
from platform_site.clusters.process import run_cluster
from platform_site.clusters.queues import MAIN_QUEUE, QUEUES
from platform_site.clusters.registry import ForeignSecrets
from platform_site.environment import keep_private


class Command(BaseCommand):
    """Run a django-q2 cluster."""

    help = "Run a background worker in the foreground. SIGTERM to it alone stops it cleanly."

    requires_system_checks = (OURS,)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Define the options."""
        parser.add_argument(
            "--queue",
            choices=QUEUES,
            default=os.environ.get("Q_CLUSTER_NAME") or MAIN_QUEUE,
            help="the queue to serve; default: Q_CLUSTER_NAME, else the main queue",
        )
        parser.add_argument(
            "--cluster", type=UUID, help="the ID that its heartbeats use; default: a new one"
        )

    def handle(self, *_args: Any, queue: str, cluster: UUID | None, **_options: Any) -> None:
        """Serve one queue until SIGTERM; raise CommandError where its hosts share no secrets."""
        keep_private()
        for step in STEPS:
            if step.queue == queue:
                # Loaded before the fork: the workers share its memory.
                import_string(step.runs)
        if queue == MAIN_QUEUE:
            ensure_schedules()
        try:
            run_cluster(cluster or uuid4(), queue=queue)
        except ForeignSecrets as refusal:
            raise CommandError(refusal.message) from refusal
