"""Which exceptions say that something the site needs does not work, rather than our code."""

import errno
import sqlite3

from django.db import InterfaceError, OperationalError

from platform_site.errors import Unavailable

# The generic code is left out: it also says that a statement is wrong, which is our mistake.
_SQLITE_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EROFS})


def unavailable(error: BaseException | None) -> Unavailable | None:
    """Return the refusal (503, with when to ask again) for a database that is busy or away, a
    cache that is away, and a machine without room on its disk, memory or files.

    Causes are looked at too. None for everything else, which is a mistake of ours.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        words = _words(error)
        if words:
            return Unavailable(f"{words} Try again in a moment.")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def _words(error: BaseException) -> str:
    if isinstance(error, OperationalError | InterfaceError):
        return _database_words(error)
    if isinstance(error, ConnectionError | TimeoutError):
        return "A service that Dailies needs does not answer."
    if isinstance(error, OSError) and error.errno in _FULL:
        return "The disk is full."
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _SCARCE):
        return "The server has no memory or files left for this."
    return ""


def _database_words(error: BaseException) -> str:
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        # The low byte is the code; what is above it says more precisely what happened.
        code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code not in _SQLITE_TROUBLE:
            return ""
        if code == sqlite3.SQLITE_FULL:
            return "The disk is full."
    return "The database is busy or does not answer."
