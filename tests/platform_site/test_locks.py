"""How long one process may wait for the locks of another."""

import pytest
from django.db import connection


@pytest.mark.both_databases
@pytest.mark.django_db
def test_p27_the_locks_of_a_process_that_froze_are_free_after_twenty_seconds() -> None:
    """SQLite's are not: there others give up waiting, and try again.

    Source: https://www.postgresql.org/docs/current/runtime-config-client.html
    """
    is_sqlite = connection.vendor == "sqlite"
    question = "PRAGMA busy_timeout" if is_sqlite else "SHOW idle_in_transaction_session_timeout"
    with connection.cursor() as cursor:
        cursor.execute(question)
        assert cursor.fetchone() == (20_000 if is_sqlite else "20s",)
