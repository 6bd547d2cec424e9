"""The real sandbox, as a process of its own on a free port."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
_READY = "sandbox listening on "


class Sandbox:
    """A running sandbox, and what it knows."""

    def __init__(self, url: str) -> None:
        """Serve at `url`."""
        self.url = url

    def books(self) -> dict[str, Any]:
        """Return `/sandbox/books`."""
        books: dict[str, Any] = httpx.get(f"{self.url}/sandbox/books", trust_env=False).json()
        return books

    def post(self, secret: str, body: dict[str, Any]) -> httpx.Response:
        """Ask for a film with a key, as somebody who does not come through Dailies."""
        headers = {"Authorization": f"Bearer {secret}"}
        url = f"{self.url}/v1/videos/generations"
        return httpx.post(url, json=body, headers=headers, trust_env=False)


@contextmanager
def running_sandbox(data_dir: Path) -> Iterator[Sandbox]:
    """Start a sandbox and end it with the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", "--data-dir", str(data_dir)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline().strip()
        assert line.startswith(_READY), line
        yield Sandbox(line.removeprefix(_READY))
    finally:
        process.terminate()
        process.wait(10)
