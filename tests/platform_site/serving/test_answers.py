"""HTTP as clients see it: what they send reaches the application, and its answer reaches them."""

import hashlib
import io
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from platform_site.serving.answer import FileBlocks
from tests.support.serving import (
    LONG_PATH,
    LONGEST_BODY,
    Running,
    read_all,
    read_answer,
    serving,
)

MEGABYTE = 1024 * 1024
Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Pieces:
    """An answer in pieces, without a length, that notes when it is closed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = iter(pieces)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        self.closed += 1


class App:
    """An application that tells what it was asked."""

    def __init__(self) -> None:
        self.environ: Environ = {}
        self.body = b""
        self.pieces: Pieces | None = None
        self.file: io.BytesIO | None = None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.environ = environ
        path = environ["PATH_INFO"]
        if path == "/failing":
            raise RuntimeError("a secret of ours")
        if path == "/pieces":
            start_response("200 OK", [("Content-Type", "text/plain")])
            self.pieces = Pieces([b"one, ", b"", b"two"])
            return self.pieces
        if path == "/breaking":
            start_response("200 OK", [("Content-Length", "1000")])
            return self._breaking()
        if path == "/file":
            self.file = io.BytesIO(bytes(range(256)) * (20 * MEGABYTE // 256))
            start_response("200 OK", [("Content-Length", str(20 * MEGABYTE))])
            answer: FileBlocks = environ["wsgi.file_wrapper"](self.file, 4096)
            return answer
        if path == "/generated":
            start_response("200 OK", [("Content-Length", str(20 * MEGABYTE))])
            return (bytes([number]) * MEGABYTE for number in range(20))
        if path in ("/204", "/304"):
            start_response(f"{path[1:]} Nothing", [])
            return []
        self.body = environ["wsgi.input"].read()
        words = f"{environ['REQUEST_METHOD']} {path} {len(self.body)}".encode()
        start_response("200 OK", [("Content-Length", str(len(words)))])
        return [words]

    def _breaking(self) -> Iterator[bytes]:
        yield b"half"
        raise OSError("the disk is gone")


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def running(app: App) -> Iterator[Running]:
    with serving(app) as running:
        yield running


def ask(running: Running, request: bytes) -> tuple[bytes, bytes]:
    """Send a request on a connection of its own; return the answer's head and body."""
    return read_answer(running.connect(request))


def test_requests_follow_one_another_on_a_connection(running: Running) -> None:
    sock = running.connect()
    for path in (b"/a", b"/b"):
        sock.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        head, body = read_answer(sock)
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert body == b"GET " + path + b" 0"


def test_requests_sent_at_once_are_answered_in_their_order(running: Running) -> None:
    post = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    sock = running.connect(
        b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" + post + b"GET /c HTTP/1.1\r\n\r\n"
    )
    assert [read_answer(sock)[1] for _ in range(3)] == [b"GET /a 0", b"POST /b 3", b"GET /c 0"]


def test_a_request_may_come_byte_by_byte(running: Running, app: App) -> None:
    sock = running.connect()
    for byte in b"POST /a HTTP/1.1\r\nHost: x\r\nX-A: b\r\nContent-Length: 3\r\n\r\nabc":
        sock.sendall(bytes([byte]))
    assert read_answer(sock)[1] == b"POST /a 3"
    assert (app.body, app.environ["HTTP_X_A"]) == (b"abc", "b")


def test_an_empty_line_before_a_request_is_skipped(running: Running) -> None:
    assert ask(running, b"\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n")[1] == b"GET /a 0"


@pytest.mark.parametrize(
    ("request_", "closes"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", True),
        (b"GET /204 HTTP/1.1\r\nHost: x\r\n\r\n", False),
        (b"GET /304 HTTP/1.1\r\nHost: x\r\n\r\n", False),
        (b"GET /pieces HTTP/1.0\r\n\r\n", True),
    ],
)
def test_a_connection_stays_open_as_http_has_it(
    running: Running, request_: bytes, closes: bool
) -> None:
    sock = running.connect(request_)
    head, _ = read_answer(sock)
    assert (b"Connection: close" in head) == closes
    if closes:
        read_all(sock)
    else:
        sock.sendall(b"GET /again HTTP/1.0\r\n\r\n")
        assert read_answer(sock)[1] == b"GET /again 0"


def test_head_gets_the_length_and_no_body(running: Running) -> None:
    sock = running.connect(b"HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert b"Content-Length: 9" in head
    assert body == b""


def test_an_answer_without_a_length_comes_in_chunks_and_is_closed_once(
    running: Running, app: App
) -> None:
    sock = running.connect(b"GET /pieces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert body == b"5\r\none, \r\n3\r\ntwo\r\n0\r\n\r\n"
    assert app.pieces is not None
    assert app.pieces.closed == 1


def test_a_body_in_chunks_has_a_length_when_the_application_sees_it(
    running: Running, app: App
) -> None:
    chunks = b"3\r\nabc\r\nA;name=value\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n"
    sock = running.connect(b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert read_answer(sock)[1] == b"POST /a 13"
    assert app.body == b"abc0123456789"
    assert app.environ["CONTENT_LENGTH"] == "13"
    assert "HTTP_TRANSFER_ENCODING" not in app.environ
    sock.sendall(b"GET /b HTTP/1.1\r\n\r\n")
    assert read_answer(sock)[1] == b"GET /b 0", "the next request begins behind the trailer"


def test_a_large_body_arrives_as_it_was_sent(running: Running, app: App) -> None:
    sent = bytes(range(256)) * (5 * MEGABYTE // 256)
    head = f"POST {LONG_PATH} HTTP/1.1\r\nContent-Length: {len(sent)}\r\n\r\n".encode()
    ask(running, head + sent)
    assert hashlib.sha256(app.body).digest() == hashlib.sha256(sent).digest()


def test_the_client_is_told_to_go_on_and_once_only(running: Running) -> None:
    head = b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    sock = running.connect(head)
    assert read_answer(sock)[0] == b"HTTP/1.1 100 Continue"
    sock.sendall(b"abc")
    assert read_answer(sock)[1] == b"POST /a 3"


@pytest.mark.parametrize("path", ["/file", "/generated"])
def test_a_large_answer_arrives_whole_at_a_client_that_takes_it_little_by_little(
    running: Running, app: App, path: str
) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    sock = running.connect(request, receive_buffer=16_384)
    _, _, body = read_all(sock).partition(b"\r\n\r\n")
    pattern = bytes(range(256)) * (20 * MEGABYTE // 256)
    generated = b"".join(bytes([number]) * MEGABYTE for number in range(20))
    assert body == {"/file": pattern, "/generated": generated}[path]


def test_a_client_that_leaves_midway_has_its_file_closed(running: Running, app: App) -> None:
    sock = running.connect(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n", receive_buffer=4096)
    assert sock.recv(10)
    sock.close()
    for _ in range(200):
        assert ask(running, b"GET /a HTTP/1.1\r\n\r\n")[1] == b"GET /a 0"
        if app.file is not None and app.file.closed:
            return
    raise AssertionError("The file is still open.")


def test_p33_a_failure_is_a_500_that_tells_nothing(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    sock = running.connect(b"GET /failing HTTP/1.1\r\nHost: x\r\n\r\n")
    said = read_all(sock)
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in said
    assert b"Traceback" not in said
    assert "a secret of ours" in caplog.text, "operators see it"


def test_an_answer_that_fails_midway_is_broken_off(running: Running) -> None:
    sock = running.connect(b"GET /breaking HTTP/1.1\r\nHost: x\r\n\r\n")
    _, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert body == b"half"


def test_forwarding_headers_reach_the_application_as_they_were_sent(
    running: Running, app: App
) -> None:
    lines = [
        b"X-Forwarded-For: 192.0.2.1",
        b"X-Forwarded-For: 198.51.100.2, 203.0.113.3",
        b"X_Forwarded_For: 10.0.0.1",
        b"X-Forwarded-Proto: https",
        b"Forwarded: for=192.0.2.1;proto=https",
        b"X-Forwarded-Host: elsewhere.example",
        b"X_Forwarded_Proto: http",
    ]
    ask(running, b"\r\n".join([b"GET / HTTP/1.1", b"Host: x:1", *lines, b"", b""]))
    environ = app.environ
    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.1,198.51.100.2, 203.0.113.3"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"
    assert environ["HTTP_FORWARDED"] == "for=192.0.2.1;proto=https"
    assert environ["HTTP_X_FORWARDED_HOST"] == "elsewhere.example"
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("127.0.0.1", "http")


def test_a_client_that_comes_by_ipv6_is_known_by_its_address(app: App) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with serving(app, host="::1") as running:
        ask(running, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert app.environ["REMOTE_ADDR"] == "::1"


MALFORMED = [
    (b"nonsense sk-secret\r\n\r\n", 400),
    (b"GET /films/secret HTTP/9.9\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nsk-secret\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\n", 400),
    (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: -3\r\n\r\n", 400),
    (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: secret\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 9000, 400),
    (b"POST / HTTP/1.1\r\nExpect: secret\r\nContent-Length: 3\r\n\r\n", 417),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, 431),
    (b"a" * 100_000, 414),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
]


@pytest.mark.parametrize(("sent", "status"), MALFORMED, ids=range(len(MALFORMED)))
def test_p33_what_is_no_http_is_refused_without_being_repeated(
    running: Running, caplog: pytest.LogCaptureFixture, sent: bytes, status: int
) -> None:
    caplog.set_level("INFO")
    sock = running.connect(sent)
    said = read_all(sock)
    assert said.startswith(f"HTTP/1.1 {status} ".encode())
    assert said.count(b"HTTP/1.1 ") == 1
    assert b"secret" not in said
    assert "secret" not in caplog.text
    assert len(caplog.records) == 1
    assert caplog.records[0].levelname == "INFO"
    assert ask(running, b"GET /a HTTP/1.1\r\n\r\n")[1] == b"GET /a 0"


def test_a_body_that_is_announced_too_long_is_answered_unread(running: Running, app: App) -> None:
    """The application says so in its own words; it sees the length, and no body."""
    head = f"POST /204 HTTP/1.1\r\nContent-Length: {LONGEST_BODY + 1}\r\n"
    said = ask(running, f"{head}Expect: 100-continue\r\n\r\n".encode())[0]
    assert said.startswith(b"HTTP/1.1 204 "), "and there is no 100 Continue"
    assert b"Connection: close" in said
    assert app.environ["CONTENT_LENGTH"] == str(LONGEST_BODY + 1)


def test_a_body_in_chunks_is_counted_and_answered_when_it_is_too_long(
    running: Running, app: App
) -> None:
    sock = running.connect(b"POST /204 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"2710\r\n" + b"a" * 10_000 + b"\r\n"
    sock.sendall(chunk * 11)
    head, _ = read_answer(sock)
    assert head.startswith(b"HTTP/1.1 204 ")
    assert b"Connection: close" in head
    assert int(app.environ["CONTENT_LENGTH"]) > LONGEST_BODY


def test_whoever_sends_a_body_that_is_too_long_sends_on_and_gets_the_answer(
    running: Running,
) -> None:
    length = 20 * MEGABYTE
    sock = running.connect(f"POST /204 HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
    sock.sendall(b"a" * length)
    assert read_answer(sock)[0].startswith(b"HTTP/1.1 204 ")
    assert read_all(sock) == b""
