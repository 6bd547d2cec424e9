"""`manage.py grant TEAM CREDITS --reason …`: add credits to a team's wallet."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.authority import By
from accounts.models import Team
from billing.ledger import grant
from billing.selectors import books_of
from platform_site.errors import DailiesError


class Command(BaseCommand):
    """Grant credits."""

    help = "Add credits to a team's wallet."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("team", help="the team's slug")
        parser.add_argument("credits", type=int, help="how many to add")
        parser.add_argument("--reason", required=True, help="recorded permanently in the ledger")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Grant, and print what is available."""
        team = Team.objects.filter(slug=options["team"]).first()
        if team is None:
            raise CommandError(f"There is no team {options['team']!r}.")
        try:
            grant(
                team=team,
                credits=options["credits"],
                reason=options["reason"],
                by=By.command("grant"),
            )
        except DailiesError as error:
            raise CommandError(error.message) from error
        available = books_of(team).available
        self.stdout.write(f"Granted {options['credits']} credits to {team}: {available} available.")
