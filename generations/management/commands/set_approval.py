"""`manage.py set_approval TEAM --above N|none [--member … | --project …]`: an approval rule."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.authority import By
from accounts.models import Membership, Project
from generations.approvals import set_threshold
from generations.limits import MEMBER, PROJECT
from generations.management.targets import add_scope_arguments, find_target, find_team, whole_number
from platform_site.errors import DailiesError


class Command(BaseCommand):
    """Set or remove an approval rule."""

    help = "Require approval of generations above so many credits."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("team", help="the team's slug")
        parser.add_argument(
            "--above", required=True, help="credits of one generation, or none to remove the rule"
        )
        add_scope_arguments(parser, (MEMBER, PROJECT))

    def handle(self, *_args: Any, **options: Any) -> None:
        """Set the rule and print it."""
        team = find_team(options["team"])
        target = find_target(team, options)
        above = whole_number(options["above"])
        try:
            threshold = set_threshold(
                team=team,
                above=above,
                user=target.user if isinstance(target, Membership) else None,
                project=target if isinstance(target, Project) else None,
                by=By.command("set_approval"),
            )
        except DailiesError as error:
            raise CommandError(error.message) from error
        self.stdout.write(str(threshold or f"{target}: no approval rule"))
