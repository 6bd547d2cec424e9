"""Run the stand-in vendor from `manage.py`, with the options of `python -m sandbox`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sandbox.cli import add_options, run


class Command(BaseCommand):
    """Run the sandbox's own command line; nothing of Django is used beyond this."""

    help = "Run the sandbox, a stand-in for the vendor: its wire API and real films, at no cost."
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the sandbox's options."""
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGTERM or SIGINT."""
        run(port=options["port"], host=options["host"], data_dir=options["data_dir"])
