"""`manage.py set_limit TEAM --window W --credits N|none [--member …]`: limit spending."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.authority import By
from billing.windows import Window
from generations.limits import SHOWN_SCOPES, cap
from generations.management.targets import add_scope_arguments, find_target, find_team, whole_number
from platform_site.errors import DailiesError


class Command(BaseCommand):
    """Set or remove a spend limit."""

    help = "Limit what a team, member, API key, provider key or project may spend."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("team", help="the team's slug")
        parser.add_argument(
            "--window", required=True, choices=Window.values, help="how often the limit renews"
        )
        parser.add_argument(
            "--credits", required=True, help="a whole number, or none to remove the limit"
        )
        add_scope_arguments(parser, SHOWN_SCOPES)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Set the limit and print it."""
        target = find_target(find_team(options["team"]), options)
        credits = whole_number(options["credits"])
        try:
            limit = cap(
                target,
                window=options["window"],
                credits=credits,
                by=By.command("set_limit"),
            )
        except DailiesError as error:
            raise CommandError(error.message) from error
        per = "in total" if options["window"] == Window.TOTAL else f"per {options['window']}"
        self.stdout.write(f"{target}: {limit or f'no limit {per}'}")
