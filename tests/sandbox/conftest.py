"""A real sandbox on a free port, a client for it, and a receiver for its callbacks."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = "doubao-seedance-1.5-pro"
READY = "sandbox listening on "


@dataclass
class Vendor:
    """A running sandbox."""

    process: "subprocess.Popen[str]"
    url: str
    data_dir: Path

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(10)

    def books(self) -> dict[str, Any]:
        books: dict[str, Any] = httpx.get(f"{self.url}/sandbox/books").json()
        return books


class Client:
    """Speaks the vendor's API with one key."""

    def __init__(self, vendor: Vendor, key: str) -> None:
        self.vendor = vendor
        self.key = key
        self.http = httpx.Client(
            base_url=vendor.url, headers={"Authorization": f"Bearer {key}"}, timeout=20
        )

    def post(self, body: Any) -> httpx.Response:
        return self.http.post("/v1/videos/generations", json=body)

    def create(self, prompt: str = "a quiet lake", **fields: Any) -> httpx.Response:
        callback_url = fields.pop("callback_url", None)
        wanted = {"prompt": prompt, **CHEAPEST, **fields}
        return self.post({"model": MODEL, "input": wanted, "callback_url": callback_url})

    def accepted(self, prompt: str = "a quiet lake", **fields: Any) -> str:
        reply = self.create(prompt, **fields)
        assert reply.status_code == 200, reply.text
        task_id: str = reply.json()["data"]["taskId"]
        return task_id

    def task(self, task_id: str) -> dict[str, Any]:
        body: dict[str, Any] = self.http.get(f"/v1/tasks/{task_id}").json()
        return body

    def ended(self, task_id: str, seconds: float = 40) -> dict[str, Any]:
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at:
            task = self.task(task_id)
            if task["status"] in ("completed", "failed"):
                return task
            time.sleep(0.05)
        raise AssertionError(f"the task did not end: {task}")

    def film(self, prompt: str = "a quiet lake", **fields: Any) -> dict[str, Any]:
        return self.ended(self.accepted(prompt, **fields))

    def credits(self) -> dict[str, int]:
        data: dict[str, int] = self.http.get("/v1/credits").json()["data"]
        return data

    def book_entry(self, task_id: str) -> dict[str, Any]:
        return next(task for task in self.vendor.books()["tasks"] if task["id"] == task_id)


# One seed and one prompt: the server makes this film once and every test shares it.
CHEAPEST: dict[str, Any] = {
    "duration": 4,
    "resolution": "480p",
    "generate_audio": False,
    "seed": 7,
}


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


@dataclass
class Receiver:
    """Takes callbacks; answers `statuses` in turn, then 204. Serves `images` to GET."""

    url: str
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def wait_for(self, count: int, seconds: float = 20) -> list[Received]:
        give_up_at = time.monotonic() + seconds
        while len(self.received) < count and time.monotonic() < give_up_at:
            time.sleep(0.02)
        assert len(self.received) >= count, f"only {len(self.received)} callbacks came"
        return self.received


def start_vendor(data_dir: Path, **environ: str) -> Vendor:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", "--data-dir", str(data_dir)],
        cwd=ROOT,
        env={**os.environ, "SANDBOX_CALLBACK_RETRIES": "0,0.4,0.8", **environ},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    line = process.stdout.readline().strip()
    assert line.startswith(READY), line
    return Vendor(process, line.removeprefix(READY), data_dir)


@pytest.fixture(scope="session")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    running = start_vendor(tmp_path_factory.mktemp("vendor"))
    yield running
    running.kill()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Vendor]]:
    """Start sandboxes of one's own, all on one data directory."""
    started: list[Vendor] = []

    def start(**environ: str) -> Vendor:
        started.append(start_vendor(tmp_path, **environ))
        return started[-1]

    yield start
    for running in started:
        running.kill()


@pytest.fixture
def connect(vendor: Vendor) -> Iterator[Callable[..., Client]]:
    """Make clients with keys of their own."""
    clients: list[Client] = []

    def make(other: Vendor | None = None, key: str | None = None) -> Client:
        clients.append(Client(other or vendor, key or f"sk-sandbox-{uuid.uuid4().hex}"))
        return clients[-1]

    yield make
    for made in clients:
        made.http.close()


@pytest.fixture
def client(connect: Callable[..., Client]) -> Client:
    return connect()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.received.append(Received(self.path, headers, json.loads(raw), time.time()))
            self.send_response(state.statuses.pop(0) if state.statuses else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            state.fetched.append(self.path)
            body = state.images.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()
