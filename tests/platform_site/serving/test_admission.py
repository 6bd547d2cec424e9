"""Long bodies: who may send one is asked with the head alone, and nothing is read of the others."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from platform_site.serving.bounds import Bounds
from tests.support.serving import LONG_PATH, Running, read_answer, serving

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SIZE = 200_000


class Doorman:
    """Takes bodies of who names the word, and notes what was asked and what was read."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.read: list[bytes] = []
        self.unread = 0
        self.breaks = False

    def judge(self, environ: dict[str, Any]) -> bool:
        """Judge a head."""
        self.asked.append(environ)
        assert environ["wsgi.input"].read() == b""
        if self.breaks:
            raise RuntimeError("The judge is ill.")
        return bool(environ.get("HTTP_WORD") == "sesame")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer, having read what there is."""
        self.read.append(environ["wsgi.input"].read())
        self.unread += bool(environ.get("dailies.unread"))
        start_response("200 OK", [("Content-Length", "4")])
        return [b"fine"]


@pytest.fixture
def doorman() -> Doorman:
    return Doorman()


@pytest.fixture
def running(doorman: Doorman) -> Iterator[Running]:
    with serving(
        doorman,
        judge_at=lambda path: doorman.judge if path == LONG_PATH else None,
        bounds=Bounds(memory_bytes=1_000, linger_seconds=1.0),
    ) as running:
        yield running


def is_fine(sock: socket.socket) -> bool:
    """Return whether the next answer is the application's."""
    return read_answer(sock)[0].startswith(b"HTTP/1.1 200 ")


def head(
    *, word: str = "", path: str = LONG_PATH, length: int | None = SIZE, more: str = ""
) -> bytes:
    """Return the head of a POST."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nWord: {word}\r\n{size}\r\n{more}\r\n".encode()


def test_f17_the_body_of_who_may_is_read_whole(running: Running, doorman: Doorman) -> None:
    for _ in range(3):
        sock = running.connect(head(word="sesame") + b"a" * SIZE)
        assert is_fine(sock)
    assert doorman.read == [b"a" * SIZE] * 3
    assert doorman.unread == 0
    assert len(doorman.asked) == 3


def test_f17_who_may_not_is_answered_before_the_body_comes(
    running: Running, doorman: Doorman
) -> None:
    sock = running.connect(head(word="please"))
    assert is_fine(sock)  # the application's own word, with nothing to read
    assert (doorman.read, doorman.unread) == ([b""], 1)


def test_f17_a_body_that_is_sent_all_the_same_is_thrown_away(
    running: Running, doorman: Doorman
) -> None:
    sock = running.connect(head() + b"a" * 1_000)
    sock.sendall(b"a" * (SIZE - 1_000))
    assert is_fine(sock)
    assert doorman.read == [b""]


@pytest.mark.parametrize(("word", "continues"), [("sesame", True), ("please", False)])
def test_f17_who_waits_for_a_word_is_told_to_go_on_or_refused(
    running: Running, doorman: Doorman, word: str, continues: bool
) -> None:
    sock = running.connect(head(word=word, more="Expect: 100-continue\r\n"))
    first = sock.recv(len(CONTINUE))
    assert (first == CONTINUE) is continues
    if continues:
        sock.sendall(b"a" * SIZE)
        assert is_fine(sock)
        assert doorman.read == [b"a" * SIZE]
    else:
        assert first.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("word", "read"), [("sesame", b"abc"), ("", b"")])
def test_f17_a_body_in_chunks_is_asked_about_too(
    running: Running, doorman: Doorman, word: str, read: bytes
) -> None:
    sock = running.connect(head(word=word, length=None) + b"3\r\nabc\r\n0\r\n\r\n")
    assert is_fine(sock)
    assert doorman.read == [read]


def test_f17_other_bodies_are_read_unasked(running: Running, doorman: Doorman) -> None:
    for path, length in (("/", 70_000), (LONG_PATH, 1_000)):
        sock = running.connect(head(path=path, length=length) + b"a" * length)
        assert is_fine(sock)
        assert doorman.read.pop() == b"a" * length
    assert doorman.asked == []


def test_f17_a_judge_that_breaks_refuses(running: Running, doorman: Doorman) -> None:
    doorman.breaks = True
    sock = running.connect(head(word="sesame") + b"a" * SIZE)
    assert is_fine(sock)
    assert (doorman.read, doorman.unread) == ([b""], 1)


def test_f17_a_client_that_leaves_while_it_is_asked_is_forgotten(
    running: Running, doorman: Doorman
) -> None:
    for _ in range(20):
        running.connect(head(word="sesame")).close()
    sock = running.connect(head(word="sesame") + b"a" * SIZE)
    assert is_fine(sock)
