"""What wakes a process that waits for a topic, and tells it whether the database changed.

SQLite is one machine's: a small file beside the data is touched, and the kernel tells who watches
it. PostgreSQL passes a NOTIFY on to all hosts. Either bell has a connection of its own, which never
writes, so that the version it reads changes with every commit of anybody.
"""

import contextlib
import ctypes
import os
import select
import sqlite3
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from django.conf import settings
from django.db import Error, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from platform_site.clusters.shutdown import shutdown_descriptor

_FOLDER = "wake"
_CHANNEL = "dailies_{}"
_EVENT = struct.Struct("iIII")  # Source: linux/inotify.h
_IN_ATTRIB = 0x4
_IN_IGNORED = 0x8000


class NoBell(Exception):
    """This bell cannot be heard now: look for what it would have said."""


class Bell(Protocol):
    """One topic's bell, as who waits for it has it. Use it in the process that has opened it."""

    def wait(self, seconds: float) -> bool:
        """Return True when it rings, False after `seconds` or when told to stop. Raises NoBell."""

    def version(self) -> object:
        """Return what differs once anybody has committed a write. Raises NoBell."""

    def close(self) -> None:
        """Release what it holds."""


def open_bell(topic: str) -> Bell:
    """Return the bell of a topic, which is heard from this moment on. Raises NoBell."""
    return _NotifyBell(topic) if connection.vendor == "postgresql" else _FileBell(topic)


def ring(topic: str) -> None:
    """Wake whoever waits for a topic. Call it outside of transactions.

    Raises `django.db.Error` where PostgreSQL cannot be reached.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, '')", [_CHANNEL.format(topic)])
    else:
        # Nobody has ever waited for it, or the folder has gone: whoever waits looks by himself.
        with contextlib.suppress(OSError):
            os.utime(_file_of(topic))


class _FileBell:
    def __init__(self, topic: str) -> None:
        self._descriptor = -1
        self._database: sqlite3.Connection | None = None
        file = _file_of(topic)
        try:
            file.parent.mkdir(exist_ok=True)
            file.touch()
            self._descriptor = _watched(file)
            self._database = sqlite3.connect(_uri_of(connection), uri=True, isolation_level=None)
            self.version()
        except (OSError, sqlite3.Error) as problem:
            self.close()
            raise NoBell from problem

    def wait(self, seconds: float) -> bool:
        if not _is_readable(self._descriptor, seconds):
            return False
        try:
            events = os.read(self._descriptor, 4096)
        except OSError as problem:
            raise NoBell from problem
        if any(mask & _IN_IGNORED for mask in _masks(events)):
            raise NoBell  # The file was removed.
        return True

    def version(self) -> object:
        if self._database is None:
            raise NoBell
        try:
            return self._database.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as problem:
            raise NoBell from problem

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._database is not None:
            self._database.close()
            self._database = None


class _NotifyBell:
    def __init__(self, topic: str) -> None:
        # Of the same settings, and in no transaction of ours.
        self._wrapper = connection.copy()
        try:
            with self._wrapper.cursor() as cursor:
                cursor.execute(f"LISTEN {connection.ops.quote_name(_CHANNEL.format(topic))}")
        except Error as problem:
            self.close()
            raise NoBell from problem

    def wait(self, seconds: float) -> bool:
        try:
            with self._wrapper.wrap_database_errors:
                # What came along with an answer lies in the connection, not in its socket.
                if self._has_rung():
                    return True
                is_told = _is_readable(self._wrapper.connection.fileno(), seconds)
                return is_told and self._has_rung()
        except Error as problem:
            raise NoBell from problem

    def version(self) -> object:
        try:
            with self._wrapper.wrap_database_errors:
                # Two looks that see the same transactions as done see the same rows.
                seen = self._wrapper.connection.execute("SELECT pg_current_snapshot()::text")
                return seen.fetchone()
        except Error as problem:
            raise NoBell from problem

    def close(self) -> None:
        with contextlib.suppress(Error):
            self._wrapper.close()

    def _has_rung(self) -> bool:
        return bool(list(self._wrapper.connection.notifies(timeout=0)))


def _file_of(topic: str) -> Path:
    return Path(settings.DATA_DIR, _FOLDER, topic)


def _uri_of(database: BaseDatabaseWrapper) -> str:
    return f"file:{quote(str(database.settings_dict['NAME']))}?mode=ro"


def _watched(file: Path) -> int:
    """Return a descriptor that has something to read once `file` was touched. Raises OSError."""
    if sys.platform != "linux":
        raise OSError("There is no inotify.")
    library = ctypes.CDLL(None, use_errno=True)
    descriptor: int = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    if library.inotify_add_watch(descriptor, os.fsencode(file), _IN_ATTRIB) < 0:
        number = ctypes.get_errno()
        os.close(descriptor)
        raise OSError(number, "inotify_add_watch")
    return descriptor


def _masks(events: bytes) -> Iterator[int]:
    at = 0
    while at + _EVENT.size <= len(events):
        _watch, mask, _cookie, length = _EVENT.unpack_from(events, at)
        yield mask
        at += _EVENT.size + length


def _is_readable(descriptor: int, seconds: float) -> bool:
    """Return whether there is something to read within `seconds`; False when told to stop."""
    stop = shutdown_descriptor()
    ready, _, _ = select.select([descriptor, stop], [], [], seconds)
    return descriptor in ready and stop not in ready
