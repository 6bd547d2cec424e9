"""A private, throw-away PostgreSQL: `python -m tests.support.postgres -- COMMAND ...`.

Debian's server programs are used, but none of its clusters: data, socket and port are our own and
end with the command. Nothing survives a crash of the machine, on purpose: it is fast without.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from platform_site.supervisor import reaper

PROGRAMS = Path("/usr/lib/postgresql")
USER = "dailies"
START_SECONDS = 60.0
STOP_SECONDS = 20.0


class PostgresMissingError(RuntimeError):
    """PostgreSQL, or the system user that it must run as, is not installed."""


class PostgresNotStartedError(RuntimeError):
    """The server ended, or did not answer in time."""


class PrivatePostgres:
    """A running server of our own; `url` is its `DATABASE_URL`."""

    def __init__(self, *, durable: bool) -> None:
        """Create its data and start it; `durable` keeps each commit when the server is killed.

        Raises PostgresMissingError, PostgresNotStartedError, or CalledProcessError from initdb.
        """
        self._programs = find_programs()
        self._run_as = _unprivileged()
        self._durable = durable
        self._folder = Path(tempfile.mkdtemp(prefix="dailies-postgres-"))
        self._data = self._folder / "data"
        self._port = _free_port()
        self.url = f"postgres://{USER}@127.0.0.1:{self._port}/{USER}"
        try:
            self._create()
            self._server = self._started()
            create = [f"{self._programs}/createdb", *_address(self._port), USER]
            subprocess.run(create, check=True, cwd=self._folder)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def restart(self, mode: str) -> None:
        """Stop it, `fast` (clients are cut off) or `immediate` (as if killed), and start it."""
        self._stop(mode)
        self._server = self._started()

    def close(self) -> None:
        """End it and remove its data."""
        self._stop("fast")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _create(self) -> None:
        if self._run_as:
            shutil.chown(self._folder, user="postgres", group="postgres")
        initdb = [f"{self._programs}/initdb", f"--pgdata={self._data}", f"--username={USER}"]
        initdb += ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        # It changes into its working folder, which the other user must be able to enter.
        subprocess.run(
            [*self._run_as, *initdb], check=True, cwd=self._folder, stdout=subprocess.DEVNULL
        )

    def _started(self) -> subprocess.Popen[bytes]:
        server = _start(
            self._programs,
            run_as=self._run_as,
            data=self._data,
            port=self._port,
            durable=self._durable,
        )
        try:
            _wait_until_ready(server, self._programs, port=self._port, log=self._data / "log")
        except BaseException:
            server.terminate()
            server.wait()
            raise
        return server

    def _stop(self, mode: str) -> None:
        # SIGTERM alone would wait for clients that never hang up.
        stop = [f"{self._programs}/pg_ctl", "stop", f"--pgdata={self._data}", f"--mode={mode}"]
        command = [*self._run_as, *stop, "--silent"]
        subprocess.run(command, check=False, cwd=self._folder, stdout=subprocess.DEVNULL)
        self._server.terminate()
        self._server.wait()


@contextlib.contextmanager
def private_postgres(*, durable: bool = False) -> Iterator[PrivatePostgres]:
    """Start a server on a free loopback port and yield it; remove all of it after.

    Raises as `PrivatePostgres` does.
    """
    server = PrivatePostgres(durable=durable)
    try:
        yield server
    finally:
        server.close()


def find_programs() -> Path:
    """Return the folder of the newest installed server's programs."""
    found = [path.parent for path in PROGRAMS.glob("*/bin/postgres")]
    if not found:
        raise PostgresMissingError(
            f"There is no PostgreSQL under {PROGRAMS}; `make setup` installs it."
        )
    return max(found, key=lambda path: float(path.parent.name))


def _unprivileged() -> list[str]:
    """Return what to put before a server's command: it refuses to run as root."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise PostgresMissingError("As root, PostgreSQL needs setpriv (package util-linux).")
    return [setpriv, "--reuid=postgres", "--regid=postgres", "--init-groups"]


def _start(
    programs: Path, *, run_as: Sequence[str], data: Path, port: int, durable: bool
) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(data),
        "fsync": "off",
        # Off, a killed server forgets what it has just promised.
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        "max_connections": "300",
    }
    server = [f"{programs}/postgres", "-D", str(data)]
    server += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (data / "log").open("ab") as log:
        # The reaper ends the server even when we are killed.
        return subprocess.Popen(
            [sys.executable, "-I", "-S", reaper.__file__, str(STOP_SECONDS), *run_as, *server],
            cwd=data.parent,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _wait_until_ready(
    server: subprocess.Popen[bytes], programs: Path, *, port: int, log: Path
) -> None:
    question = [f"{programs}/pg_isready", "--quiet", *_address(port)]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(question, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() >= deadline:
            raise PostgresNotStartedError(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.1)


def _address(port: int) -> list[str]:
    return ["--host=127.0.0.1", f"--port={port}", f"--username={USER}"]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(arguments: Sequence[str]) -> int:
    """Run the command after `--` with `DATABASE_URL` set; return its exit status."""
    command = list(arguments[1:] if arguments[:1] == ["--"] else arguments)
    if not command:
        sys.exit("usage: python -m tests.support.postgres -- COMMAND ...")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        with (
            private_postgres() as server,
            subprocess.Popen(command, env={**os.environ, "DATABASE_URL": server.url}) as process,
        ):
            try:
                return process.wait()
            finally:
                process.terminate()
    except KeyboardInterrupt:
        return 130
    except (PostgresMissingError, PostgresNotStartedError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
