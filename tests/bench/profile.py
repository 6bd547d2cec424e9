"""`make profile`: the CPU and the SQL statements of each stage, on both databases."""

import json
import sys

from tests.bench import page
from tests.bench.bench import bench
from tests.bench.sites.databases import PostgresSite, SqliteSite


def main() -> None:
    """Measure, print, and write `var/profile.json`."""
    rows = []
    with bench(base="", rounds=1) as run:
        for kind in (PostgresSite.kind, SqliteSite.kind):
            installation = run.installation(run.this, kind)
            [server] = installation.database.servers or [0]
            api_key = installation.demo["api_key"]
            found = installation.inside("stages", str(server), run.vendor_url, api_key)
            rows += [{"database": kind, **row} for row in found]
    page.PROFILE_JSON.parent.mkdir(parents=True, exist_ok=True)
    page.PROFILE_JSON.write_text(json.dumps(rows, indent=2) + "\n")
    for row in rows:
        sys.stdout.write(
            f"{row['database']:<11} {row['stage']:<32} {row['cpu']:8.2f} ms of CPU "
            f"{row['statements']:6.1f} statements   {row['most']}\n"
        )


if __name__ == "__main__":
    main()
