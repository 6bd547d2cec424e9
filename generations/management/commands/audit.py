"""`manage.py audit [--json]`: prove the books; exit 1 and name the rows if they do not balance."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from accounts.models import Team
from billing.selectors import books_of
from generations.reports import audit_site


class Command(BaseCommand):
    """Audit the books."""

    help = "Check that every credit is accounted for; exit with 1 if the books do not balance."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the findings and each team's sums; exit 1 when there is a finding."""
        # One snapshot: work in progress must not look like a contradiction.
        with transaction.atomic():
            if transaction.get_connection().vendor == "postgresql":
                with transaction.get_connection().cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            findings = list(audit_site())
            books = {team.slug: asdict(books_of(team)) for team in Team.objects.all()}
        if options["json"]:
            rows = [asdict(finding) for finding in findings]
            self.stdout.write(json.dumps({"ok": not rows, "findings": rows, "teams": books}))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.rule}: {finding.row}: {finding.problem}")
            for slug, sums in books.items():
                self.stdout.write(f"{slug}: " + ", ".join(f"{k} {v}" for k, v in sums.items()))
            verdict = f"{len(findings)} contradictions" if findings else "The books balance."
            self.stdout.write(verdict)
        if findings:
            sys.exit(1)
