"""`manage.py issue_api_key --team T --user U …`: print a new API key and nothing else."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts.api_keys import LAST_DAY, TOO_FAR
from accounts.authority import By
from accounts.models import Team, User
from billing.selectors import site_zone
from billing.services.api_keys import issue_api_key
from billing.windows import end_of_day
from platform_site.errors import DailiesError


class Command(BaseCommand):
    """Issue an API key."""

    help = "Create an API key and print it. It is shown once, with nothing else."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--team", required=True, help="the team's slug")
        parser.add_argument("--user", required=True, help="the owner's email address")
        parser.add_argument("--name", default="API key")
        parser.add_argument("--hourly", type=int, help="credits per hour")
        parser.add_argument("--daily", type=int, help="credits per day")
        parser.add_argument("--total", type=int, help="credits in total")
        parser.add_argument(
            "--per-minute", type=int, help="requests per minute; no limit unless given"
        )
        parser.add_argument("--allow-ip", action="extend", nargs="+", default=[], metavar="CIDR")
        parser.add_argument(
            "--expires",
            metavar="D",
            help="when it expires: a date, whose day still counts, or an ISO date and time",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Issue and print."""
        team = Team.objects.filter(slug=options["team"]).first()
        user = User.objects.filter(email__iexact=options["user"]).first()
        if team is None or user is None:
            raise CommandError("There is no such team, or no person with that email.")
        try:
            _key, text = issue_api_key(
                team=team,
                owner=user,
                label=options["name"],
                by=By.command("issue_api_key"),
                hourly=options["hourly"],
                daily=options["daily"],
                total=options["total"],
                expires_at=_read_time(options["expires"]),
                allowed_networks=options["allow_ip"],
                requests_per_minute=options["per_minute"],
            )
        except DailiesError as error:
            raise CommandError(error.message) from error
        self.stdout.write(text)


def _read_time(text: str | None) -> datetime | None:
    """Read a last day or an ISO date and time, in the site's zone unless it names one."""
    if text is None:
        return None
    try:
        # The day first: the reader of times takes a bare day for its midnight.
        day = parse_date(text)
        if day and day > LAST_DAY:
            raise CommandError(TOO_FAR)
        moment = end_of_day(day, site_zone()) if day else parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{text!r} is not an ISO date.")
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
