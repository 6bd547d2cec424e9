"""`manage.py demo [--json]`: a team with credits to try everything; safe to run again."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from generations.ops import set_up_demo


class Command(BaseCommand):
    """Set up the demo."""

    help = "Create the demo team or top up its credits, and print its logins and a new API key."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Set up and print."""
        demo = set_up_demo()
        if options["json"]:
            self.stdout.write(json.dumps(demo))
            return
        self.stdout.write(f"Address   {demo['url']}")
        for role in ("admin", "owner", "manager", "member", "viewer"):
            self.stdout.write(f"{role:<9} {demo[role]['email']}  {demo[role]['password']}")
        self.stdout.write(f"API key   {demo['api_key']}")
