"""A database that is busy and a disk that is full are told as such (503), at every door."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, ProgrammingError, connection
from django.test import Client

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import ProviderKey
from platform_site.web.trouble import unavailable
from tests.factories import PASSWORD, make_generation, make_user
from tests.support.api import Api
from tests.support.api_errors import error_of


def sqlite_error(name: str) -> OperationalError:
    """Return what Django raises for an error of SQLite's."""
    cause = sqlite3.OperationalError(name)
    cause.sqlite_errorcode = getattr(sqlite3, name)
    error = OperationalError(name)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite_error("SQLITE_BUSY"), "database is busy"),
        (sqlite_error("SQLITE_BUSY_SNAPSHOT"), "database is busy"),
        (sqlite_error("SQLITE_CANTOPEN"), "database is busy"),
        (sqlite_error("SQLITE_FULL"), "disk is full"),
        (OperationalError("connection refused"), "database is busy"),
        (OSError(errno.ENOSPC, "No space left"), "disk is full"),
        (OSError(errno.EDQUOT, "Quota"), "disk is full"),
        (OSError(errno.EMFILE, "Too many files"), "no memory or files left"),
        (MemoryError(), "no memory or files left"),
        (ConnectionRefusedError(), "does not answer"),
        (TimeoutError(), "does not answer"),
    ],
    ids=repr,
)
def test_f17_what_passes_is_unavailable_however_it_is_wrapped(
    error: BaseException, words: str
) -> None:
    wrapped = RuntimeError("What the middleman says.")
    wrapped.__cause__ = error
    for raised in (error, wrapped):
        found = unavailable(raised)
        assert found is not None
        assert words in found.message
        assert (found.status, found.is_final) == (503, False)
        assert found.retry_seconds


@pytest.mark.parametrize(
    "error",
    [
        None,
        KeyError("x"),
        sqlite_error("SQLITE_ERROR"),
        ProgrammingError("no such column"),
        FileNotFoundError(errno.ENOENT, "gone"),
        PermissionError(errno.EACCES, "not ours"),
    ],
    ids=repr,
)
def test_f17_a_mistake_of_ours_stays_one(error: BaseException | None) -> None:
    assert unavailable(error) is None


@contextmanager
def busy() -> Iterator[None]:
    """Hold the write lock of the tests' SQLite database, as a long writer does; wait little."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            connection.close()


@pytest.fixture
def on_sqlite() -> None:
    """Leave it to SQLite, which has one lock that all writers wait for."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's writers wait for no one lock.")


def assert_unavailable(reply: Any) -> None:
    """Check the answer of any door."""
    assert reply.status_code == 503, reply.content
    assert int(reply["Retry-After"]) > 0
    assert "x-should-retry" not in reply
    assert reply["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("on_sqlite")
@pytest.mark.django_db(transaction=True)
class TestBusy:
    def test_f17_the_api_says_unavailable_and_takes_it_afterwards(self, api: Api) -> None:
        with busy():
            reply = api.generate()
        assert_unavailable(reply)
        error = error_of(reply, 503, "unavailable")
        assert "busy" in error["message"]
        assert api.generate().status_code == 200

    def test_f17_sign_in_says_so_and_not_that_somebody_tried_too_often(self) -> None:
        person = make_user()
        client = Client(raise_request_exception=False)
        form = {"login": person.email, "password": PASSWORD}
        with busy():
            reply = client.post("/accounts/login/", form)
        assert_unavailable(reply)
        assert "too many" not in reply.content.decode().lower()
        assert "The database is busy" in reply.content.decode()
        assert client.post("/accounts/login/", form).status_code == 302

    def test_f17_pages_forms_and_callbacks_say_so_too(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        generation = make_generation(alice, State.PROCESSING)
        client = Client(raise_request_exception=False, headers={"X-Dailies-Team": alice.team.slug})
        client.force_login(alice.user)
        doors = [
            ("/studio/submit/", {"prompt": "A lake", "team": alice.team.slug}),
            (f"/generations/{generation.pk}/favourite/", {}),
            ("/budgets/wallet/", {"low_at": "5"}),
            ("/projects/", {"name": "Autumn"}),
            (f"/callbacks/{generation.callback_token}", {}),
        ]
        for path, form in doors:
            with busy():
                reply = client.post(path, form)
            assert_unavailable(reply)


def test_f17_a_lock_in_the_cache_is_there_or_not_and_never_guessed(db: None) -> None:
    assert cache.add("lock", "mine") is True
    assert cache.add("lock", "theirs") is False
    cache.delete("lock")
