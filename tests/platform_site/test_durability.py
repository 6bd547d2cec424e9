"""What the site commits is on the disk, whatever the database's own defaults are (P21)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@contextmanager
def fresh_connection() -> Iterator[Any]:
    """Open a connection as the site does, beside the test's own."""
    copy = connection.copy()
    try:
        with copy.cursor() as cursor:
            yield cursor
    finally:
        copy.close()


def test_p21_what_is_committed_is_on_the_disk() -> None:
    with fresh_connection() as cursor:
        if connection.vendor == "sqlite":
            assert cursor.execute("PRAGMA synchronous").fetchone() == (2,)
            assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        else:
            assert cursor.execute("SHOW synchronous_commit").fetchone() == ("on",)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whose", ["DATABASE", "ROLE"])
def test_p21_a_database_or_role_whose_default_is_off_changes_nothing(whose: str) -> None:
    names = {"DATABASE": "NAME", "ROLE": "USER"}
    name = connection.ops.quote_name(connection.settings_dict[names[whose]])
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER {whose} {name} SET synchronous_commit = off")
    try:
        with bare_connection() as bare:
            assert bare.execute("SHOW synchronous_commit").fetchone() == ("off",)
        with fresh_connection() as fresh:
            assert fresh.execute("SHOW synchronous_commit").fetchone() == ("on",)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER {whose} {name} RESET synchronous_commit")


def bare_connection() -> psycopg.Connection[Any]:
    """Connect without anything that the site asks for."""
    place = connection.settings_dict
    return psycopg.connect(
        host=place["HOST"], port=place["PORT"], user=place["USER"], dbname=place["NAME"]
    )


@pytest.mark.parametrize(
    "given", ["", "-c statement_timeout=5s", "-c synchronous_commit=off -c work_mem=8MB"]
)
def test_p21_options_of_the_url_are_kept_beside_ours(given: str, tmp_path: Path) -> None:
    url = f"postgres://someone@127.0.0.1/site?options={given.replace(' ', '%20')}&sslmode=require"
    show = (
        "import json; from django.conf import settings;"
        "print(json.dumps(settings.DATABASES['default']['OPTIONS']))"
    )
    environ = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "platform_site.settings",
    }
    run = subprocess.run(
        [sys.executable, "-c", show], cwd=ROOT, env=environ, capture_output=True, check=True
    )
    options = json.loads(run.stdout)
    assert options["sslmode"] == "require"
    assert given in options["options"]
    assert "idle_in_transaction_session_timeout" in options["options"]
    # Of two settings of one name the server takes the last.
    assert options["options"].endswith("-c synchronous_commit=on")
