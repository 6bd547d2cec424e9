"""The web server's loop with an application of a test's own, in this process, on a real port."""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from gunicorn.config import Config

from platform_site.serving.admission import Judge
from platform_site.serving.answer import Application, Site
from platform_site.serving.bounds import Bounds
from platform_site.serving.server import Server

# What `longest_body_at` says of every path but this one.
LONGEST_BODY = 100_000
LONG_PATH = "/long"
LONGEST_LONG_BODY = 10_000_000


class Clock:
    """Time that passes when it is told to, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the moment."""
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class NoAccessLog:
    """Gunicorn's logger, as far as it is asked."""

    def access(self, *_arguments: Any) -> None:
        """Forget it."""


@dataclass
class Running:
    """A server with its clients; `turns` makes its loop go on where no thread does."""

    server: Server
    address: tuple[str, int]
    clients: list[socket.socket] = field(default_factory=list)

    def connect(self, data: bytes = b"", *, receive_buffer: int = 0) -> socket.socket:
        """Connect a client that waits at most ten seconds for anything, and send `data`."""
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        sock = socket.socket(family)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(10)
        sock.connect(self.address)
        sock.sendall(data)
        self.clients.append(sock)
        return sock

    def turns(self, count: int = 20) -> None:
        """Let the loop do what there is to do."""
        for _ in range(count):
            self.server.run_once(0.01)

    def turns_until(self, look: Callable[[], bool]) -> None:
        """Let the loop go on until something is so."""
        for _ in range(2000):
            if look():
                return
            self.server.run_once(0.01)
        raise AssertionError("It never came to that.")

    def hears(self, sock: socket.socket, *, turns: int = 20) -> bytes | None:
        """Let the loop go on; return what a client has heard, with a "." behind it once the
        connection was closed, None when it has heard nothing.
        """
        self.turns(turns)
        sock.setblocking(False)
        heard = b""
        with contextlib.suppress(BlockingIOError):
            while piece := sock.recv(65_536):
                heard += piece
            return heard + b"."
        return heard or None


def configuration(threads: int = 4) -> Config:
    """Return gunicorn's configuration with the options that the site sets."""
    cfg = Config()
    cfg.set("threads", threads)
    cfg.set("forwarded_allow_ips", "")
    return cfg


def longest_body_at(path: str) -> int:
    """Return how long a path's body may be."""
    return LONGEST_LONG_BODY if path == LONG_PATH else LONGEST_BODY


@contextlib.contextmanager
def stepped(
    application: Application,
    *,
    bounds: Bounds | None = None,
    clock: Clock | None = None,
    host: str = "127.0.0.1",
    threads: int = 4,
    judge_at: Callable[[str], Judge | None] = lambda _path: None,
) -> Iterator[Running]:
    """Prepare a server whose loop runs only when the test says so."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    wake = os.pipe()
    for end in wake:
        os.set_blocking(end, False)
    site = Site(application, longest_body_at, configuration(threads), NoAccessLog(), judge_at)
    options: dict[str, Any] = {"clock": clock} if clock else {}
    server = Server(site, [listener], wake=wake, bounds=bounds or Bounds(), **options)
    running = Running(server, listener.getsockname()[:2])
    try:
        yield running
    finally:
        for client in running.clients:
            client.close()
        server.close()
        listener.close()
        for end in wake:
            os.close(end)


@contextlib.contextmanager
def serving(application: Application, **options: Any) -> Iterator[Running]:
    """Run a server, its loop in a thread of its own; `options` as `stepped` takes them."""
    over = threading.Event()
    with stepped(application, **options) as running:

        def run() -> None:
            while not over.is_set():
                running.server.run_once(0.05)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield running
        finally:
            over.set()
            thread.join()


def read_answer(sock: socket.socket) -> tuple[bytes, bytes]:
    """Return one answer's head and body, which has a Content-Length or none at all."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(1)
        assert piece, f"the connection closed after {data!r}"
        data += piece
    head, _, _ = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = b""
    while len(body) < length:
        piece = sock.recv(length - len(body))
        assert piece, f"the connection closed after {len(body)} of {length} bytes"
        body += piece
    return head, body


def read_all(sock: socket.socket) -> bytes:
    """Return everything until the connection closes."""
    data = b""
    while piece := sock.recv(65_536):
        data += piece
    return data
