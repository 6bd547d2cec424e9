"""How many connections there are, how much their bodies hold, and who makes room (F17)."""

import contextlib
import subprocess
import sys

import pytest

from tests.support.bounds import (
    BOUNDS,
    CHUNKS,
    DONE,
    GET,
    POST,
    TOO_LONG,
    App,
    answered,
    refused_with,
)
from tests.support.serving import LONG_PATH, Clock, Running, stepped


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
