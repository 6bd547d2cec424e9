"""The server's state: one SQLite file, written before anything is answered.

Every method is one short statement or one short transaction, called from the event loop's thread
alone. A move of a task is a conditional UPDATE that says whether it happened, so that a task ends
once whatever is retried after a crash.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Final

OPENING_BALANCE: Final = 1_000_000
_LOCK_WAIT_SECONDS: Final = 3.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS account (
    key_hash TEXT PRIMARY KEY,
    last4 TEXT NOT NULL,
    balance INTEGER NOT NULL CHECK (balance >= 0),
    purchased INTEGER NOT NULL,
    consumed INTEGER NOT NULL CHECK (consumed >= 0),
    CHECK (balance + consumed = purchased)
);
CREATE TABLE IF NOT EXISTS task (
    id TEXT PRIMARY KEY,
    key_hash TEXT NOT NULL REFERENCES account,
    last4 TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt TEXT NOT NULL,
    request TEXT NOT NULL,
    seed INTEGER NOT NULL,
    credits INTEGER NOT NULL CHECK (credits > 0),
    origin TEXT NOT NULL,
    link TEXT NOT NULL UNIQUE,
    callback_url TEXT,
    accepted_at REAL NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded IN (0, 1)),
    completed_at REAL,
    film TEXT,
    render_seconds REAL,
    error_code TEXT,
    error_message TEXT
);
CREATE INDEX IF NOT EXISTS task_unfinished ON task (accepted_at)
    WHERE status IN ('pending', 'processing');
CREATE TABLE IF NOT EXISTS attempt (
    key_hash TEXT NOT NULL,
    input_hash TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (key_hash, input_hash)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS download (
    link TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY,
    task_id TEXT NOT NULL REFERENCES task,
    kind TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    start_at REAL NOT NULL,
    done INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS delivery_undone ON delivery (task_id, id) WHERE done = 0;
"""


class DataDirBusyError(Exception):
    """Say that another server holds this data directory."""


class BalanceTooLowError(Exception):
    """Say that an account cannot pay for a task; nothing was written."""


@dataclass(frozen=True, slots=True)
class Account:
    """Hold the credits of one key."""

    key_hash: str
    last4: str
    balance: int
    purchased: int
    consumed: int


@dataclass(frozen=True, slots=True)
class NewTask:
    """Hold what is known of a task when it is accepted; `request` is JSON, times are epochs."""

    id: str
    key_hash: str
    last4: str
    model: str
    prompt: str
    request: str
    seed: int
    credits: int
    origin: str
    link: str
    callback_url: str | None
    accepted_at: float


@dataclass(frozen=True, slots=True)
class Task(NewTask):
    """Hold one task as it stands; `film` names its file once it is rendered."""

    status: str
    refunded: int
    completed_at: float | None
    film: str | None
    render_seconds: float | None
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Hold one callback to be made; the first attempt is due at `start_at` (epoch seconds)."""

    id: int
    task_id: str
    kind: str
    attempts: int
    start_at: float


class Store:
    """Keep accounts, tasks, counted attempts and callbacks over restarts."""

    def __init__(self, data_dir: Path) -> None:
        """Open the state in `data_dir`, made when missing. Raise DataDirBusyError."""
        data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(data_dir / "lock")
        self._db = sqlite3.connect(data_dir / "state.sqlite3", isolation_level=None)
        # NORMAL survives the death of the process, which is what a stand-in must survive.
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;" + _SCHEMA
        )

    def close(self) -> None:
        """Close the file and let another server have it."""
        self._db.close()
        os.close(self._lock)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def account_for(self, key: str) -> Account:
        """Return the account of a key, opened with its credits on first use."""
        key_hash = sha256(key.encode()).hexdigest()
        account = self._account(key_hash)
        if account is None:
            account = Account(key_hash, key[-4:], OPENING_BALANCE, OPENING_BALANCE, consumed=0)
            self._db.execute("INSERT INTO account VALUES (?, ?, ?, ?, ?)", astuple(account))
        return account

    def _account(self, key_hash: str) -> Account | None:
        row = self._db.execute(
            "SELECT key_hash, last4, balance, purchased, consumed FROM account WHERE key_hash = ?",
            (key_hash,),
        ).fetchone()
        return Account(*row) if row else None

    def count_attempt(self, key_hash: str, input_hash: str) -> int:
        """Count one more create call with this input; return its number, from 1."""
        row = self._db.execute(
            "INSERT INTO attempt VALUES (?, ?, 1)"
            " ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
            (key_hash, input_hash),
        ).fetchone()
        return int(row[0])

    def count_download(self, link: str) -> int:
        """Count one more download of a link that is scripted; return its number, from 1."""
        row = self._db.execute(
            "INSERT INTO download VALUES (?, 1)"
            " ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
            (link,),
        ).fetchone()
        return int(row[0])

    def accept(self, task: NewTask) -> None:
        """Charge the account and keep the task, or raise BalanceTooLowError and do neither."""
        with self._transaction() as db:
            charged = db.execute(
                "UPDATE account SET balance = balance - ?1, consumed = consumed + ?1"
                " WHERE key_hash = ?2 AND balance >= ?1",
                (task.credits, task.key_hash),
            )
            if charged.rowcount != 1:
                raise BalanceTooLowError
            db.execute(_INSERT_TASK, astuple(task))

    def task(self, task_id: str) -> Task | None:
        """Return a task, whoever's it is."""
        return self._task_where("id = ?", task_id)

    def task_by_link(self, link: str) -> Task | None:
        """Return the task whose film is served under this name."""
        return self._task_where("link = ?", link)

    def _task_where(self, condition: str, value: str) -> Task | None:
        row = self._db.execute(f"{_SELECT_TASK} WHERE {condition}", (value,)).fetchone()
        return Task(*row) if row else None

    def tasks(self) -> Iterator[Task]:
        """Return every task, oldest first."""
        for row in self._db.execute(f"{_SELECT_TASK} ORDER BY rowid"):
            yield Task(*row)

    def unfinished(self) -> list[str]:
        """Return the ids of tasks that have not ended, oldest first."""
        rows = self._db.execute(
            "SELECT id FROM task WHERE status IN ('pending', 'processing') ORDER BY accepted_at"
        )
        return [row[0] for row in rows]

    def begin(self, task_id: str) -> None:
        """Move a pending task to processing."""
        self._db.execute(
            "UPDATE task SET status = 'processing' WHERE id = ? AND status = 'pending'", (task_id,)
        )

    def keep_film(self, task_id: str, film: str, render_seconds: float) -> None:
        """Remember the file of a film, so that a restart does not render it again."""
        self._db.execute(
            "UPDATE task SET film = ?, render_seconds = ? WHERE id = ?",
            (film, render_seconds, task_id),
        )

    def complete(self, task_id: str, callbacks: list[tuple[str, float]]) -> bool:
        """End a task well and plan its callbacks; return False when it had ended already."""
        with self._transaction() as db:
            ended = db.execute(
                "UPDATE task SET status = 'completed', completed_at = ?"
                " WHERE id = ? AND status IN ('pending', 'processing')",
                (time.time(), task_id),
            )
            if ended.rowcount:
                _plan(db, task_id, callbacks)
        return bool(ended.rowcount)

    def fail(
        self, task_id: str, code: str, message: str, callbacks: list[tuple[str, float]]
    ) -> bool:
        """End a task badly, refund it and plan its callbacks; return False when it had ended."""
        with self._transaction() as db:
            row = db.execute(
                "UPDATE task SET status = 'failed', refunded = 1, completed_at = ?,"
                " error_code = ?, error_message = ?"
                " WHERE id = ? AND status IN ('pending', 'processing')"
                " RETURNING key_hash, credits",
                (time.time(), code, message, task_id),
            ).fetchone()
            if row:
                db.execute(
                    "UPDATE account SET balance = balance + ?1, consumed = consumed - ?1"
                    " WHERE key_hash = ?2",
                    (row[1], row[0]),
                )
                _plan(db, task_id, callbacks)
        return row is not None

    def deliveries_of(self, task_id: str) -> list[Delivery]:
        """Return the callbacks of a task that are still to be made, in their order."""
        rows = self._db.execute(
            "SELECT id, task_id, kind, attempts, start_at FROM delivery"
            " WHERE task_id = ? AND done = 0 ORDER BY id",
            (task_id,),
        )
        return [Delivery(*row) for row in rows]

    def tasks_with_deliveries(self) -> list[str]:
        """Return the ids of tasks that have callbacks to be made."""
        rows = self._db.execute("SELECT DISTINCT task_id FROM delivery WHERE done = 0")
        return [row[0] for row in rows]

    def count_delivery(self, delivery_id: int, *, done: bool) -> None:
        """Count one attempt of a callback; `done` ends it."""
        self._db.execute(
            "UPDATE delivery SET attempts = attempts + 1, done = ? WHERE id = ?",
            (int(done), delivery_id),
        )

    def totals(self) -> tuple[int, int, int]:
        """Return (balance, purchased, consumed) over all keys."""
        row = self._db.execute(
            "SELECT COALESCE(SUM(balance), 0), COALESCE(SUM(purchased), 0),"
            " COALESCE(SUM(consumed), 0) FROM account"
        ).fetchone()
        return row[0], row[1], row[2]

    def accounts(self) -> Iterator[Account]:
        """Return every account, in the order of their first use."""
        for row in self._db.execute(
            "SELECT key_hash, last4, balance, purchased, consumed FROM account ORDER BY rowid"
        ):
            yield Account(*row)

    def films_in_use(self, since: float) -> set[str]:
        """Return the files whose links may still be asked for: ended after `since`, or not yet."""
        rows = self._db.execute(
            "SELECT DISTINCT film FROM task WHERE film IS NOT NULL"
            " AND (completed_at IS NULL OR completed_at > ?)",
            (since,),
        )
        return {row[0] for row in rows}


# Built from our own field names alone.
_SELECT_TASK: Final = f"SELECT {', '.join(field.name for field in fields(Task))} FROM task"  # noqa: S608
_NEW: Final = [field.name for field in fields(NewTask)]
_NAMES, _MARKS = ", ".join(_NEW), ", ".join("?" * len(_NEW))
_INSERT_TASK: Final = f"INSERT INTO task ({_NAMES}, status) VALUES ({_MARKS}, 'pending')"  # noqa: S608


def _plan(db: sqlite3.Connection, task_id: str, callbacks: list[tuple[str, float]]) -> None:
    """Write the callbacks of an ended task: (kind, seconds after the end)."""
    now = time.time()
    db.executemany(
        "INSERT INTO delivery (task_id, kind, start_at) VALUES (?, ?, ?)",
        [(task_id, kind, now + delay) for kind, delay in callbacks],
    )


def _locked(path: Path) -> int:
    """Take the lock of a data directory, waiting for a server that is on its way out."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    give_up_at = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                os.close(lock)
                raise DataDirBusyError(f"another sandbox is using {path.parent}") from None
            time.sleep(0.1)
        else:
            return lock
