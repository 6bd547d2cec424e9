"""`manage.py reconcile [--json]`: our books beside the vendor's usage; exit 1 on a discrepancy."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from generations.reconciliation import KeyStanding, standings


class Command(BaseCommand):
    """Show each provider key's last sample and what is unexplained."""

    help = (
        "Compare our books with the vendor's usage, per provider key; exit with 1 if they differ."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print what the samples say; exit 1 when a discrepancy is open."""
        keys = standings()
        is_open = any(key.discrepancies for key in keys)
        if options["json"]:
            rows = [_as_json(key) for key in keys]
            self.stdout.write(json.dumps({"ok": not is_open, "keys": rows}))
        else:
            for key in keys:
                self._print(key)
            self.stdout.write("Discrepancies are open." if is_open else "No open discrepancies.")
        if is_open:
            sys.exit(1)

    def _print(self, key: KeyStanding) -> None:
        self.stdout.write(f"{key.provider_key.team.slug}: {key.provider_key}")
        sample = key.sample
        if sample is None:
            self.stdout.write("  no usage samples yet")
        else:
            self.stdout.write(f"  {key.samples} samples, the last {sample}")
            self.stdout.write(
                f"  ours: charged {sample.charged}, refunded {sample.refunded}, in flight "
                f"{sample.in_flight}, unknown {sample.unknown}"
            )
            self.stdout.write(
                f"  vendor: balance {_figure(sample.balance)}, purchased "
                f"{_figure(sample.total_purchased)}, consumed {_figure(sample.total_consumed)}"
            )
        for discrepancy in key.discrepancies:
            since = f"{discrepancy.since:%Y-%m-%d %H:%M}"
            self.stdout.write(f"  discrepancy since {since}: {discrepancy}: {discrepancy.detail}")
            for candidate in discrepancy.candidates:
                self.stdout.write(f"    candidate: generation {candidate}")


def _as_json(key: KeyStanding) -> dict[str, Any]:
    sample = key.sample
    return {
        "team": key.provider_key.team.slug,
        "provider_key": {"id": key.provider_key.pk, "name": str(key.provider_key)},
        "samples": key.samples,
        "taken_at": int(sample.taken_at.timestamp()) if sample else None,
        "verdict": sample.verdict if sample else None,
        "reading": sample.reading if sample else None,
        "ours": sample
        and {
            "charged": sample.charged,
            "refunded": sample.refunded,
            "in_flight": sample.in_flight,
            "unknown": sample.unknown,
        },
        "vendor": sample
        and {
            "balance": sample.balance,
            "total_purchased": sample.total_purchased,
            "total_consumed": sample.total_consumed,
        },
        "discrepancies": [
            {
                "id": discrepancy.pk,
                "since": int(discrepancy.since.timestamp()),
                "opened_at": int(discrepancy.opened_at.timestamp()),
                "credits": discrepancy.credits,
                "verdict": discrepancy.verdict,
                "detail": discrepancy.detail,
                "candidates": discrepancy.candidates,
            }
            for discrepancy in key.discrepancies
        ],
    }


def _figure(value: int | None) -> str:
    return "unknown" if value is None else str(value)
