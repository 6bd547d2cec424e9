"""How long a client may hold a connection half-way: time is the test's own (F17)."""

import pytest

from tests.support.bounds import CHUNKS, DONE, GET, POST, TOO_LONG, App, answered, refused_with
from tests.support.serving import Clock, Running, read_answer

LATE = b"HTTP/1.1 408 "


def wait(running: Running, clock: Clock, seconds: float) -> None:
    """Let time pass second by second, and the loop with it."""
    for _ in range(int(seconds)):
        clock.wait(1)
        running.turns(1)


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
