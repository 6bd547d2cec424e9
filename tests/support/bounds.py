"""A server with tight bounds, an application to hold up, and waiting on a clock of ours."""

import io
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from platform_site.serving.bounds import Bounds
from tests.support.serving import Clock, Running

BOUNDS = Bounds(
    head_seconds=20,
    idle_seconds=5,
    body_seconds=30,
    answer_seconds=300,
    linger_seconds=2,
    step_bytes=100,
    memory_bytes=100_000,
    discarded_bytes=50_000,
    kept_bytes=1_000_000,
    connections=20,
    fresh_seconds=0.05,
)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
TOO_LONG = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
CHUNKS = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

DONE = b"HTTP/1.1 200 "


class App:
    """Answers at once; at /slow, when the gate opens, at /large with 20 MB, at /file with a file.

    At /exit it asks to end the process.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.file: io.BytesIO | None = None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            assert self.gate.wait(60)
        if environ["PATH_INFO"] == "/exit":
            sys.exit(3)
        if environ["PATH_INFO"] == "/file":
            self.file = io.BytesIO(b"a" * 20_000_000)
            start_response("200 OK", [("Content-Length", "20000000")])
            wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](self.file)
            return wrapped
        body = b"a" * 20_000_000 if environ["PATH_INFO"] == "/large" else b"fine"
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


def answered(running: Running, path: str = "/", *, clock: Clock | None = None) -> bytes:
    """Have a fresh client answered, while time passes on `clock`; return what it hears."""
    sock = running.connect(f"GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
    heard: list[bytes] = []

    def look() -> bool:
        if clock is not None:
            clock.wait(0.001)
        heard.append(running.hears(sock) or b"")
        return heard[-1].endswith(b".")

    running.turns_until(look)
    return b"".join(heard)


def refused_with(running: Running, sock: Any, status: bytes) -> bool:
    """Return whether a client hears an answer that begins so."""
    return (running.hears(sock) or b"").startswith(status)
