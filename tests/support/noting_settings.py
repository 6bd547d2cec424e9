"""The site's settings, for processes that note how durable each of their database connections is.

`CONNECTIONS_FILE` gets a line of JSON for each connection that a process opens.
"""

import json
import os
import sys
from typing import Any

from django.db.backends.signals import connection_created

from platform_site.settings import *  # noqa: F403


def note_connection(connection: Any, **_signal: Any) -> None:
    """Append what the connection itself says."""
    with connection.cursor() as cursor:
        [synchronous] = cursor.execute("PRAGMA synchronous").fetchone()
        [journal_mode] = cursor.execute("PRAGMA journal_mode").fetchone()
    line = {"command": sys.argv, "synchronous": synchronous, "journal_mode": journal_mode}
    with open(os.environ["CONNECTIONS_FILE"], "a") as file:  # noqa: PTH123  # one write, whole
        file.write(json.dumps(line) + "\n")


connection_created.connect(note_connection)
