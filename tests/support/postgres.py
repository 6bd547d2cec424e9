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

from platform_site.supervisor import keeper

PROGRAMS = Path("/usr/lib/postgresql")
USER = "dailies"
START_SECONDS = 60.0
STOP_SECONDS = 20.0


class PostgresMissingError(RuntimeError):
    """PostgreSQL, or the system user that it must run as, is not installed."""


class PostgresNotStartedError(RuntimeError):
    """The server ended, or did not answer in time."""


@contextlib.contextmanager
def private_postgres() -> Iterator[str]:
    """Start a server on a free loopback port and yield its `DATABASE_URL`; remove it all after.

    Raises PostgresMissingError, PostgresNotStartedError, or CalledProcessError from initdb.
    """
    programs = find_programs()
    run_as = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="dailies-postgres-"))
    try:
        if run_as:
            shutil.chown(folder, user="postgres", group="postgres")
        data = folder / "data"
        initdb = [f"{programs}/initdb", f"--pgdata={data}", f"--username={USER}", "--auth=trust"]
        initdb += ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
        # It changes into its working folder, which the other user must be able to enter.
        subprocess.run([*run_as, *initdb], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        port = _free_port()
        server = _start(programs, run_as=run_as, data=data, port=port)
        try:
            _wait_until_ready(server, programs, port=port, log=data / "log")
            create = [f"{programs}/createdb", *_address(port), USER]
            subprocess.run(create, check=True, cwd=folder)
            yield f"postgres://{USER}@127.0.0.1:{port}/{USER}"
        finally:
            _stop(server, programs, run_as=run_as, data=data)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    """Return the folder of the newest installed server's programs."""
    found = [path.parent for path in PROGRAMS.glob("*/bin/postgres")]
    if not found:
        raise PostgresMissingError(
            f"There is no PostgreSQL under {PROGRAMS}; `.ci/services` installs it."
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
    programs: Path, *, run_as: Sequence[str], data: Path, port: int
) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(data),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "300",
    }
    server = [f"{programs}/postgres", "-D", str(data)]
    server += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (data / "log").open("wb") as log:
        # The keeper ends the server even when we are killed.
        return subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(STOP_SECONDS), *run_as, *server],
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


def _stop(
    server: subprocess.Popen[bytes], programs: Path, *, run_as: Sequence[str], data: Path
) -> None:
    # SIGTERM alone would wait for clients that never hang up.
    stop = [f"{programs}/pg_ctl", "stop", f"--pgdata={data}", "--mode=fast", "--silent"]
    subprocess.run([*run_as, *stop], check=False, cwd=data.parent, stdout=subprocess.DEVNULL)
    server.terminate()
    server.wait()


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
            private_postgres() as url,
            subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url}) as process,
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
