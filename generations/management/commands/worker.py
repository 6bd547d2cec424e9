"""`manage.py worker`: the background worker, with its standing orders in place."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from generations.services.schedules import ensure_schedules


class Command(BaseCommand):
    """Run a django-q2 cluster."""

    help = "Run the background worker in the foreground."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Ensure the schedules and run the cluster until it is stopped."""
        ensure_schedules()
        call_command("qcluster")
