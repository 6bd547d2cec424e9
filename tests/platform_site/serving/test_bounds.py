"""How long a client may hold a connection half-way, and how much: time is the test's own."""

import contextlib
import io
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from platform_site.serving.bounds import Bounds
from tests.support.serving import LONG_PATH, Clock, Running, read_answer, stepped

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
LATE = b"HTTP/1.1 408 "
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


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app() -> Iterator[App]:
    app = App()
    yield app
    app.gate.set()


@pytest.fixture
def running(app: App, clock: Clock) -> Iterator[Running]:
    with stepped(app, bounds=BOUNDS, clock=clock) as running:
        yield running


def wait(running: Running, clock: Clock, seconds: float) -> None:
    """Let time pass second by second, and the loop with it."""
    for _ in range(int(seconds)):
        clock.wait(1)
        running.turns(1)


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


@pytest.mark.parametrize("opening", [b"", b"\r\n"])
def test_f17_who_says_nothing_is_let_go_without_a_word(
    running: Running, clock: Clock, opening: bytes
) -> None:
    sock = running.connect(opening)
    running.turns()
    wait(running, clock, 19)
    assert running.hears(sock) is None
    wait(running, clock, 3)
    assert running.hears(sock) == b"."


@pytest.mark.parametrize("drop", [b"", b"a", b"a\r\nX-A: "])
def test_f17_a_head_has_its_time_in_all_however_it_drips(
    running: Running, clock: Clock, drop: bytes
) -> None:
    sock = running.connect(GET[:-2] + b"X-A: ")
    running.turns()
    for _ in range(19):
        sock.sendall(drop)
        wait(running, clock, 1)
    assert running.hears(sock) is None
    wait(running, clock, 3)
    said = running.hears(sock)
    assert said is not None
    assert said.startswith(LATE)
    assert said.endswith(b".")


def test_f17_blank_lines_keep_no_connection_open(running: Running, clock: Clock) -> None:
    sock = running.connect(GET)
    running.turns_until(lambda: (running.hears(sock) or b"").startswith(DONE))
    for _ in range(8):
        sock.sendall(b"\r\n")
        wait(running, clock, 1)
        if running.hears(sock) == b".":
            return
    raise AssertionError("The connection is still open.")


def test_a_connection_waits_five_seconds_for_the_next_request(
    running: Running, clock: Clock
) -> None:
    sock = running.connect(GET)
    running.turns_until(lambda: (running.hears(sock) or b"").startswith(DONE))
    wait(running, clock, 4)
    sock.sendall(GET)
    running.turns_until(lambda: (running.hears(sock) or b"").startswith(DONE))
    wait(running, clock, 7)
    assert running.hears(sock) == b"."


@pytest.mark.parametrize("head", [POST, CHUNKS])
@pytest.mark.parametrize("drop", [b"", b"1\r\n \r\n"])
def test_f17_a_body_that_does_not_get_on_is_given_up(
    running: Running, clock: Clock, head: bytes, drop: bytes
) -> None:
    sock = running.connect(head)
    running.turns()
    for _ in range(29):
        sock.sendall(drop[:1] if head is POST else drop)
        wait(running, clock, 1)
    assert running.hears(sock) is None
    wait(running, clock, 3)
    assert (running.hears(sock) or b"").startswith(LATE)


def test_a_slow_line_gets_a_body_through_that_takes_far_longer(
    running: Running, clock: Clock
) -> None:
    sock = running.connect(POST)
    for _ in range(10):
        running.turns()
        assert running.hears(sock) is None
        wait(running, clock, 25)
        sock.sendall(b"a" * 100)
    running.turns_until(lambda: (running.hears(sock) or b"").startswith(DONE))


def test_f17_what_came_quickly_buys_no_time_for_the_rest(running: Running, clock: Clock) -> None:
    sock = running.connect(POST + b"a" * 990)
    running.turns()
    wait(running, clock, 32)
    assert (running.hears(sock) or b"").startswith(LATE)


def test_f17_an_answer_that_is_not_taken_is_given_up(running: Running, clock: Clock) -> None:
    sock = running.connect(GET.replace(b"/ ", b"/large "), receive_buffer=4096)
    running.turns_until(lambda: running.server.is_busy)
    running.turns(50)
    wait(running, clock, 302)
    assert not running.server.is_busy
    sock.close()


def test_an_answer_may_be_taken_slowly(running: Running, clock: Clock) -> None:
    sock = running.connect(GET.replace(b"/ ", b"/large "), receive_buffer=4096)
    taken = 0
    for _ in range(4):
        wait(running, clock, 200)
        assert running.server.is_busy
        start = taken
        while taken < start + 3_000_000:
            taken += len(running.hears(sock, turns=1) or b"")
    while taken < 20_000_000:
        taken += len(running.hears(sock, turns=1) or b"")


@pytest.mark.parametrize("drop", [b"", b"a"])
def test_f17_the_rest_of_a_refused_body_is_not_waited_for_for_ever(
    running: Running, clock: Clock, drop: bytes
) -> None:
    sock = running.connect(TOO_LONG)
    running.turns_until(lambda: (running.hears(sock) or b"").startswith(DONE))
    for _ in range(32):
        sock.sendall(drop)
        wait(running, clock, 1)
    assert not running.server.is_busy


def test_f17_of_a_refused_body_no_more_than_a_bound_is_read(running: Running) -> None:
    sock = running.connect(TOO_LONG + b"a" * 30_000)
    running.turns_until(lambda: (running.hears(sock) or b"").startswith(DONE))
    assert running.server.is_busy
    sock.sendall(b"a" * 40_000)
    running.turns_until(lambda: not running.server.is_busy)


def test_a_client_that_does_not_close_is_left_after_a_while(running: Running, clock: Clock) -> None:
    sock = running.connect(GET[:-2] + b"Connection: close\r\n\r\n")
    running.turns_until(lambda: (running.hears(sock) or b"").startswith(DONE))
    assert running.server.is_busy
    wait(running, clock, 4)
    assert not running.server.is_busy


@pytest.mark.parametrize("opening", [b"", b"G", POST, POST + b"a" * 500, GET, TOO_LONG])
def test_f17_beyond_the_most_connections_the_least_active_make_room(
    running: Running, clock: Clock, opening: bytes
) -> None:
    held = []
    for _ in range(3 * BOUNDS.connections):
        held.append(running.connect(opening))
        running.turns(2)
        clock.wait(0.01)
    # Threads may be late with the refusals: whoever just heard one is spared for a moment.
    assert answered(running, clock=clock).startswith(DONE)
    assert running.hears(held[0]) is not None, "the oldest was closed"


def test_many_who_come_at_once_are_all_answered(running: Running, clock: Clock) -> None:
    once = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    honest = [running.connect(once) for _ in range(4 * BOUNDS.connections)]
    for sock in honest:
        said = b""
        while not said.endswith(b"."):
            said += running.hears(sock, turns=2) or b""
            clock.wait(0.001)
        assert said.startswith(DONE)


def test_an_answer_ends_though_its_client_goes_before_the_loop_hears_of_it(
    running: Running, app: App
) -> None:
    sock = running.connect(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n", receive_buffer=4096)
    running.turns_until(lambda: app.file is not None and app.file.tell() > 0)
    sock.recv(10)
    sock.close()
    # Whether the loop hears first of the thread or of the client, nothing is left.
    running.turns_until(lambda: app.file is not None and app.file.closed)
    running.turns_until(lambda: not running.server.is_busy)


def test_an_application_that_wants_to_exit_costs_one_answer(running: Running, clock: Clock) -> None:
    assert answered(running, "/exit").startswith(b"HTTP/1.1 500 ")
    wait(running, clock, 4)
    assert not running.server.is_busy
    assert answered(running).startswith(DONE)


def test_f17_a_body_in_tiny_chunks_is_refused(running: Running) -> None:
    sock = running.connect(CHUNKS)
    tiny = b"1\r\na\r\n" * 1000
    said: list[bytes] = []

    def refused() -> bool:
        with contextlib.suppress(OSError):
            sock.sendall(tiny)
        said.append(running.hears(sock, turns=2) or b"")
        return b"".join(said).startswith(b"HTTP/1.1 400 ")

    running.turns_until(refused)
    fine = CHUNKS + b"10\r\n0123456789abcdef\r\n" * 3000 + b"0\r\n\r\n"
    sock = running.connect(fine)
    running.turns_until(lambda: (running.hears(sock) or b"").startswith(DONE))


def test_who_gets_on_is_not_the_one_to_make_room(running: Running, clock: Clock) -> None:
    honest = running.connect(POST)
    for _ in range(9):
        running.turns(2)
        honest.sendall(b"a" * 100)
        for _ in range(10):
            clock.wait(0.01)
            running.connect(POST)
            running.turns(2)
    assert running.hears(honest) is None
    honest.sendall(b"a" * 100)
    running.turns_until(lambda: (running.hears(honest) or b"").startswith(DONE))


def test_requests_that_are_being_answered_make_no_room(
    running: Running, clock: Clock, app: App
) -> None:
    slow = [running.connect(GET.replace(b"/ ", b"/slow ")) for _ in range(4)]
    running.turns()
    for _ in range(2 * BOUNDS.connections):
        clock.wait(1)
        running.connect(b"G")
        running.turns(2)
    app.gate.set()
    for sock in slow:
        running.turns_until(lambda sock=sock: (running.hears(sock) or b"").startswith(DONE))  # type: ignore[misc]


def test_f17_bodies_together_take_no_more_room_than_a_bound(running: Running, clock: Clock) -> None:
    head = f"POST {LONG_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n".encode()
    held = []
    for _ in range(6):
        held.append(running.connect(head + b"a" * 300_000))
        running.turns(50)
        clock.wait(1)
    heard = [running.hears(sock) for sock in held]
    assert heard.count(None) == 3, "three times 300,000 bytes are kept, and not four times"
    assert heard[3:] == [None] * 3
    assert answered(running).startswith(DONE)


def test_a_body_for_which_nobody_can_make_room_is_refused_for_now(
    running: Running, app: App
) -> None:
    def head(path: str, length: int) -> bytes:
        return f"POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode()

    with stepped(app, bounds=BOUNDS, threads=1) as narrow:
        slow = narrow.connect(GET.replace(b"/ ", b"/slow "))
        narrow.turns()
        waiting = []
        for _ in range(3):
            waiting.append(narrow.connect(head(LONG_PATH, 300_000) + b"a" * 300_000))
            narrow.turns(100)
        refused = narrow.connect(head(LONG_PATH, 300_000) + b"a" * 290_000)
        narrow.turns_until(lambda: refused_with(narrow, refused, b"HTTP/1.1 503 "))
        app.gate.set()
        for sock in (slow, *waiting):
            narrow.turns_until(lambda sock=sock: refused_with(narrow, sock, DONE))  # type: ignore[misc]


def refused_with(running: Running, sock: Any, status: bytes) -> bool:
    """Return whether a client hears an answer that begins so."""
    return (running.hears(sock) or b"").startswith(status)


def test_a_process_with_few_files_takes_few_connections() -> None:
    program = (
        "import resource;"
        "_, most = resource.getrlimit(resource.RLIMIT_NOFILE);"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (428, most));"
        "from platform_site.serving.bounds import affordable_connections as affordable;"
        "print(affordable(1000), affordable(50))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["100", "50"]


def test_a_stop_lets_requests_end_and_takes_no_more(
    running: Running, clock: Clock, app: App
) -> None:
    slow = running.connect(GET.replace(b"/ ", b"/slow "))
    idle = running.connect(GET)
    running.turns_until(lambda: refused_with(running, idle, DONE))
    half_a_head, half_a_body = running.connect(GET[:10]), running.connect(POST + b"a" * 500)
    running.turns()
    waiting = running.connect(GET)  # The loop has not seen it yet.

    running.server.stop()
    with pytest.raises(ConnectionRefusedError):
        running.connect()
    running.turns_until(lambda: refused_with(running, waiting, DONE))
    half_a_body.sendall(b"a" * 500)
    running.turns_until(lambda: refused_with(running, half_a_body, DONE))
    wait(running, clock, 6)
    assert running.hears(idle) == b"."
    assert refused_with(running, half_a_head, LATE)
    assert running.server.is_busy

    app.gate.set()
    slow.settimeout(10)
    running.turns_until(lambda: not running.server.is_busy or hangs_up(clock))
    head, body = read_answer(slow)
    assert head.startswith(DONE)
    assert body == b"fine"


def hangs_up(clock: Clock) -> bool:
    """Let a second pass; return False."""
    clock.wait(1)
    return False
