"""The whole site as `make run` starts it, on free ports and in a folder of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.bench.sites.trees import ROOT
from tests.support.ports import free_port

START_SECONDS = 120.0


@dataclass(frozen=True)
class WholeSite:
    """Web, worker and sandbox, with the demo team's key."""

    url: str
    sandbox_url: str
    api_key: str
    environment: dict[str, str]
    supervisor: int  # its process id

    def client(self) -> httpx.Client:
        """Return a client that calls the API with the demo key."""
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def books(self) -> dict[str, Any]:
        """Return the sandbox's own truth."""
        books: dict[str, Any] = httpx.get(f"{self.sandbox_url}/sandbox/books").json()
        return books


@contextlib.contextmanager
def whole_site() -> Iterator[WholeSite]:
    """Run `manage.py up --sandbox` and set up the demo; end all of it afterwards."""
    port, sandbox_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="dailies-bench-") as folder:
        environment = {
            **os.environ,
            "DATA_DIR": folder,
            "PORT": str(port),
            "SANDBOX_PORT": str(sandbox_port),
        }
        manage = [sys.executable, "manage.py"]
        with Path(folder, "up.log").open("wb") as log:
            up = subprocess.Popen(
                [*manage, "up", "--sandbox"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        try:
            _wait(up, f"http://127.0.0.1:{port}/healthz")
            _wait(up, f"http://127.0.0.1:{sandbox_port}/healthz")
            demo = subprocess.run(
                [*manage, "demo", "--json"],
                cwd=ROOT,
                env=environment,
                check=True,
                capture_output=True,
            )
            yield WholeSite(
                url=f"http://127.0.0.1:{port}",
                sandbox_url=f"http://127.0.0.1:{sandbox_port}",
                api_key=json.loads(demo.stdout)["api_key"],
                environment=environment,
                supervisor=up.pid,
            )
        finally:
            up.send_signal(signal.SIGINT)
            up.wait(60)


def _wait(up: "subprocess.Popen[bytes]", url: str) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and up.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer.")
