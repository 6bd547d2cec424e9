"""A vendor at a real local address whose every reply a test can script, down to the wire.

It speaks the vendor's API (create, look, usage), serves films, and takes webhooks: any other POST
is noted and answered 204. What the sandbox lacks is here: replies that hang, break off, drop, say
nonsense, or wait until a test lets them go.
"""

import json
import socket
import struct
import threading
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CREATE = "/v1/videos/generations"
CREDITS = "/v1/credits"
TASKS = "/v1/tasks/"


@dataclass(frozen=True)
class Call:
    """One request as it arrived; `peer` is the port it came from, and tells connections apart."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: int
    at: float = field(default_factory=time.time)

    @property
    def json(self) -> Any:
        """Return the body read as JSON, None for a body that is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Exchange:
    """A request that waits for its reply."""

    def __init__(self, handler: BaseHTTPRequestHandler, call: Call) -> None:
        """Wrap the handler of one request."""
        self.call = call
        self._handler = handler

    def send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer; a Content-Length among `headers` may lie."""
        names = {"Content-Length": str(len(body)), **(headers or {})}
        self._handler.send_response(status)
        for name, value in names.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
        if self.call.method != "HEAD":
            self._handler.wfile.write(body)
        if int(names["Content-Length"]) != len(body):
            self.close()

    def send_raw(self, data: bytes) -> None:
        """Put bytes on the wire as they are."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def close(self) -> None:
        """End the connection in order, without (further) reply."""
        self._handler.close_connection = True

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        no_lingering = struct.pack("ii", 1, 0)
        connection = self._handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_lingering)
        self._handler.close_connection = True
        # The handler's files hold the socket open; only the last close sends the reset.
        self._handler.rfile.close()
        connection.close()


Reply = Callable[[Exchange], None]


def say(status: int, data: Any, **headers: str) -> Reply:
    """Return a reply with a JSON body, or with the body as given when it is bytes."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.send(
        status, body, {"Content-Type": "application/json", **names}
    )


def refuse(status: int, code: str, message: str = "No.") -> Reply:
    """Return a refusal in the vendor's own envelope."""
    return say(status, {"error": {"code": code, "message": message, "type": "api_error"}})


def html(status: int) -> Reply:
    """Return a page of some proxy in place of an envelope."""
    page = b"<html><body><h1>Something between us and the vendor</h1></body></html>"
    return say(status, page, Content_Type="text/html")


def drop(exchange: Exchange) -> None:
    """Close the connection without a reply."""
    exchange.close()


def reset(exchange: Exchange) -> None:
    """Reset the connection without a reply."""
    exchange.reset()


class Gate:
    """Holds a reply back until the test opens it, and tells when a request has come."""

    def __init__(self) -> None:
        """Start closed."""
        self.reached = threading.Event()
        self._opened = threading.Event()

    def before(self, reply: Reply) -> Reply:
        """Return `reply`, given only once the gate is open."""

        def wait(exchange: Exchange) -> None:
            self.reached.set()
            self._opened.wait(120)
            reply(exchange)

        return wait

    def wait(self, seconds: float = 30) -> None:
        """Wait until a request stands before the gate."""
        assert self.reached.wait(seconds), "nobody came"

    def open(self) -> None:
        """Let everybody through, now and later."""
        self._opened.set()


class Vendor:
    """The scriptable vendor. Times in task objects are unix seconds."""

    def __init__(self, url: str) -> None:
        """Start with no tasks, no script and a full account."""
        self.url = url
        self.calls: list[Call] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self._once: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self._always: dict[str, Reply] = {}
        self._gates: list[Gate] = []
        self._behind: Reply | None = None
        self._lock = threading.Lock()

    # What a test says

    def next(self, path: str, *replies: Reply) -> None:
        """Give these replies to the next requests of `path`, one each, before the usual one."""
        self._once[path].extend(replies)

    def always(self, path: str, reply: Reply | None) -> None:
        """Give this reply to every request of `path`; None restores the usual one."""
        if reply is None:
            self._always.pop(path, None)
        else:
            self._always[path] = reply

    def gate(self) -> Gate:
        """Return a gate that opens, at the latest, when the vendor ends."""
        self._gates.append(Gate())
        return self._gates[-1]

    def accepts_then(self, reply: Reply) -> Reply:
        """Return a reply to a create that first accepts, and charges, and then says `reply`."""

        def accept(exchange: Exchange) -> None:
            self.add_task(model=exchange.call.json.get("model", ""))
            reply(exchange)

        return accept

    def add_task(self, task_id: str | None = None, **fields: Any) -> str:
        """Let a task exist, `processing` unless `fields` say otherwise; return its id."""
        task_id = task_id or str(uuid.uuid4())
        self.tasks[task_id] = {
            "id": task_id,
            "status": "processing",
            "model": "doubao-seedance-1.5-pro",
            "created_at": int(time.time()),
            "progress": None,
            **fields,
        }
        return task_id

    def finish(
        self,
        task_id: str,
        film: bytes | None = None,
        *,
        urls: list[str] | None = None,
        **metadata: Any,
    ) -> None:
        """Complete a task with `film` behind a link, or with `urls`."""
        if urls is None:
            path = f"/files/{uuid.uuid4().hex}.mp4"
            self.files[path] = film or b""
            urls = [f"{self.url}{path}"]
        output = {"urls": urls, "metadata": {"seed": 41485, **metadata}}
        task = {**self.tasks[task_id], "status": "completed", "output": output}
        self.tasks[task_id] = {**task, "completed_at": int(time.time())}

    def fail(self, task_id: str, code: str = "upstream_error", message: str = "It broke.") -> None:
        """Fail a task, with the refund that goes with it."""
        error = {"code": code, "message": message}
        self.tasks[task_id] = {**self.tasks[task_id], "status": "failed", "error": error}

    # What a test asks

    def calls_to(self, path: str, method: str | None = None) -> list[Call]:
        """Return the requests of `path`, oldest first."""
        with self._lock:
            return [c for c in self.calls if c.path == path and method in (None, c.method)]

    @property
    def creates(self) -> list[Call]:
        """Return every POST that asked for a film."""
        return self.calls_to(CREATE)

    def looks_at(self, task_id: str) -> list[Call]:
        """Return every poll of one task."""
        return self.calls_to(f"{TASKS}{task_id}")

    @property
    def only_task(self) -> str:
        """Return the id of the one task that was accepted."""
        [task_id] = self.tasks
        return task_id

    def wait_for(self, path: str, count: int = 1, seconds: float = 30) -> list[Call]:
        """Wait until `path` was requested `count` times."""
        give_up_at = time.monotonic() + seconds
        while len(self.calls_to(path)) < count:
            assert time.monotonic() < give_up_at, f"{len(self.calls_to(path))} requests of {path}"
            time.sleep(0.01)
        return self.calls_to(path)

    # What it does

    def stand_before(self, reply: Reply) -> None:
        """Give this reply, of the server that stands behind, to every path without another."""
        self._behind = reply

    def answer(self, exchange: Exchange) -> None:
        """Note a request and give the scripted reply, or the usual one."""
        path = exchange.call.path
        with self._lock:
            self.calls.append(exchange.call)
            waiting = self._once[path]
            reply = (
                waiting.popleft()
                if waiting
                else self._always.get(path, self._behind or self._usual)
            )
        reply(exchange)

    def open_gates(self) -> None:
        """Let every waiting request go."""
        for gate in self._gates:
            gate.open()

    def _usual(self, exchange: Exchange) -> None:
        method, path = exchange.call.method, exchange.call.path
        if method == "POST" and path == CREATE:
            task_id = self.add_task(model=exchange.call.json.get("model", ""))
            say(200, {"code": 200, "msg": "success", "data": {"taskId": task_id}})(exchange)
        elif method == "POST":
            exchange.send(204, b"")
        elif path.startswith(TASKS):
            task = self.tasks.get(path.removeprefix(TASKS))
            (say(200, task) if task else refuse(404, "task_not_found"))(exchange)
        elif path == CREDITS:
            usage = {"balance": 900, "total_purchased": 1000, "total_consumed": 100}
            say(200, {"code": 200, "data": usage})(exchange)
        elif path in self.files:
            exchange.send(200, self.files[path], {"Content-Type": "video/mp4"})
        else:
            html(404)(exchange)


@contextmanager
def running_vendor() -> Iterator[Vendor]:
    """Start a vendor on a free port; end it with everybody that it kept waiting."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave in two writes; Nagle would hold the second back.
        disable_nagle_algorithm = True

        def _take(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body, peer = self.rfile.read(length), self.client_address[1]
            call = Call(self.command, self.path, headers, body, peer)
            # A caller that is killed, or that gives up, is what many tests are about.
            with suppress(OSError):
                vendor.answer(Exchange(self, call))

        def do_GET(self) -> None:
            self._take()

        def do_POST(self) -> None:
            self._take()

        def do_HEAD(self) -> None:
            self._take()

        def do_PUT(self) -> None:
            self._take()

        def do_DELETE(self) -> None:
            self._take()

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 256

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    vendor = Vendor(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield vendor
    finally:
        vendor.open_gates()
        server.shutdown()
        server.server_close()
