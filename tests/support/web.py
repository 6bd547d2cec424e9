"""The real web server as `manage.py up` starts it, on the tests' own database."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from django.conf import settings
from django.db import connection

from platform_site.management.commands.up import web_command
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0


@dataclass(frozen=True)
class WebServer:
    """A running web server; its log is a file."""

    url: str
    log: Path
    environment: dict[str, str]

    @property
    def address(self) -> tuple[str, int]:
        """Return host and port."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a `manage.py` command in the site's environment."""
        return manage(*arguments, **self.environment)


@contextlib.contextmanager
def running_web_server(
    folder: Path, *, open_files: int | None = None, **environ: str
) -> Iterator[WebServer]:
    """Serve the site on a free port, against the database that the tests use now.

    `open_files` is how many each of its processes may have.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, **database_environment(), "PUBLIC_URL": url, **environ}
    log = folder / "web.log"
    command = web_command("127.0.0.1", port, workers=1, threads=8)
    if open_files is not None:
        command = ("sh", "-c", f'ulimit -n {open_files} && exec "$@"', "sh", *command)
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        _wait(server, url, log)
        yield WebServer(url, log, environment)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def manage(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a `manage.py` command with our environment and `environ`."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def database_environment() -> dict[str, str]:
    """Return the environment under which another process uses the tests' database and folder."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        place = f"{database['HOST']}:{database['PORT']}"
        url = f"postgres://{database['USER']}@{place}/{database['NAME']}"
    return {"DATABASE_URL": url, "DATA_DIR": str(settings.DATA_DIR)}


def _wait(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and server.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/healthz", trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"The site did not start:\n{log.read_text()[-4000:]}")
