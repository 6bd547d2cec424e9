"""Databases of sites: on a server of our own or in a file; each round runs on a copy."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.bench.measure.processes import parent_of


class PostgresSite:
    """A site's database on a PostgreSQL server; copies are made by the server."""

    kind = "PostgreSQL"

    def __init__(self, server_url: str, name: str) -> None:
        """Create an empty database."""
        self._server_url = server_url
        self.name = name
        self._administer(f'CREATE DATABASE "{name}"')

    @property
    def environ(self) -> dict[str, str]:
        """Return the variables that a site needs to use it."""
        return {"DATABASE_URL": self._url}

    @property
    def servers(self) -> list[int]:
        """Return the ids of server processes, above those that serve one connection."""
        with psycopg.connect(self._url) as connection:
            return [parent_of(connection.info.backend_pid)]

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement, `%s` for values, and return its rows if it has any."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            found = connection.execute(statement, values)
            return found.fetchall() if found.description else []

    def key(self, text: str) -> str:
        """Return a UUID as a statement compares it."""
        return text

    @contextlib.contextmanager
    def copied(self, _folder: Path) -> Iterator["PostgresSite"]:
        """Yield a copy and drop it afterwards. Nobody may use the original meanwhile."""
        copy = PostgresSite.__new__(PostgresSite)
        copy._server_url, copy.name = self._server_url, f"{self.name}_copy"
        # Copied as files: through the log, a large one would take minutes.
        self._administer(f'CREATE DATABASE "{copy.name}" TEMPLATE "{self.name}" STRATEGY file_copy')
        try:
            yield copy
        finally:
            self._administer(f'DROP DATABASE "{copy.name}" WITH (FORCE)')

    @property
    def _url(self) -> str:
        return urlunsplit(urlsplit(self._server_url)._replace(path=f"/{self.name}"))

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(statement)


class SqliteSite:
    """A site's database in its folder of data; a copy of the folder is a copy of it."""

    kind = "SQLite"
    servers: tuple[int, ...] = ()
    environ: dict[str, str] = {}

    def __init__(self, folder: Path) -> None:
        """Find it in `folder`; the site creates it."""
        self._folder = folder

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement, `%s` for values, and return its rows if it has any."""
        path = self._folder / "dailies.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=20)) as connection, connection:
            return connection.execute(statement.replace("%s", "?"), values).fetchall()

    def key(self, text: str) -> str:
        """Return a UUID as a statement compares it."""
        return text.replace("-", "")

    @contextlib.contextmanager
    def copied(self, folder: Path) -> Iterator["SqliteSite"]:
        """Yield what lies in a copied folder."""
        yield SqliteSite(folder)


Database = PostgresSite | SqliteSite


def copy_folder(folder: Path, to: Path) -> None:
    """Copy a site's folder of data."""
    shutil.copytree(folder, to, dirs_exist_ok=True)
