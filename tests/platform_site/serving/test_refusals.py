"""What the server itself refuses: in the envelope to programs, in a line of text to others."""

import json
import re

import pytest
from gunicorn.asgi import parser
from gunicorn.http import errors

from platform_site.serving.refusals import words_of_fault
from tests.support.bounds import answered
from tests.support.serving import Clock, Running

HEAD = b"Host: x\r\n"
LONG_HEADER = b"X: " + b"y" * 100_000 + b"\r\n\r\n"


def refused(running: Running, text: bytes) -> tuple[bytes, bytes]:
    """Send `text`; return head and body of what the server says."""
    sock = running.connect(text)
    heard: list[bytes] = []

    def is_over() -> bool:
        heard.append(running.hears(sock, turns=1) or b"")
        return b"".join(heard).endswith(b".")

    running.turns_until(is_over)
    head, _, body = b"".join(heard).partition(b"\r\n\r\n")
    return head, body.removesuffix(b".")


@pytest.mark.parametrize("path", [b"/v1/credits", b"//v1/tasks/x", b"/api/v1/credits", b"/v1"])
@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b" HTTP/1.1\r\n" + HEAD + LONG_HEADER, b"431"),
        (b" HTTP/1.1\r\n" + HEAD + b"X: y\r\n" * 200 + b"\r\n", b"431"),
        (b"?" + b"x" * 70_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", b"414"),
        (b" HTTP/1.1\r\n" + HEAD + b"Content-Length: a\r\n\r\n", b"400"),
        (b" HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n", b"501"),
        (b" HTTP/1.1\r\n" + HEAD + b"no colon\r\n\r\n", b"400"),
        (b" HTTP/9.9\r\n" + HEAD + b"\r\n", b"400"),
        (b" and more HTTP/1.1\r\n" + HEAD + b"\r\n", b"400"),
    ],
)
def test_f10_a_program_is_refused_in_the_envelope(
    running: Running, path: bytes, rest: bytes, status: bytes
) -> None:
    head, body = refused(running, b"POST " + path + rest)
    lines = head.split(b"\r\n")
    assert lines[0].split()[1] in (status, b"400", b"431")
    assert b"Content-Type: application/json" in lines
    assert b"Cache-Control: no-store" in lines
    assert b"x-should-retry: false" in lines
    assert f"Content-Length: {len(body)}".encode() in lines
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "type"}
    assert error["type"] in {"invalid_request_error", "api_error"}


@pytest.mark.parametrize(
    ("rest", "way_out"),
    [
        (b" HTTP/1.1\r\n" + HEAD + b"Content-Length: a\r\n\r\n", "one Content-Length"),
        (b" HTTP/1.1\r\n" + HEAD + b"no colon\r\n\r\n", "'Name: value'"),
        (b" HTTP/1.1\r\n" + HEAD + b"a b: c\r\n\r\n", "letters, digits and hyphens"),
        (b" HTTP/9.9\r\n" + HEAD + b"\r\n", "'METHOD /path HTTP/1.1'"),
        (b" and more HTTP/1.1\r\n" + HEAD + b"\r\n", "percent-encoded"),
        (b" HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n", "one Transfer-Encoding"),
    ],
)
def test_f10_a_refusal_says_what_to_send_instead(
    running: Running, rest: bytes, way_out: str
) -> None:
    message = json.loads(refused(running, b"POST /v1/credits" + rest)[1])["error"]["message"]
    assert way_out in message


def test_f10_no_fault_of_the_parsers_is_told_by_the_name_of_its_class() -> None:
    kinds = [*vars(errors).values(), *vars(parser).values()]
    faults = {
        kind.__name__
        for kind in kinds
        if isinstance(kind, type)
        and issubclass(kind, errors.ParseException | parser.ParseError)
        and not re.search("Proxy|Response|Configuration|H2C|Parse", kind.__name__)
    }
    assert len(faults) > 12
    assert [kind for kind in faults if words_of_fault(kind) == words_of_fault()] == []


@pytest.mark.parametrize("path", [b"/studio/", b"/", b"/v1x", b"/films/x.mp4"])
def test_f10_anybody_else_is_told_in_a_line_of_text(running: Running, path: bytes) -> None:
    head, body = refused(running, b"GET " + path + b" HTTP/1.1\r\n" + HEAD + LONG_HEADER)
    assert b"Content-Type: text/plain; charset=utf-8" in head.split(b"\r\n")
    assert body.endswith(b"\n")
    assert b"{" not in body


@pytest.mark.parametrize("text", [b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\r\n\r\n", b"GET\r\n\r\n"])
def test_f10_what_is_no_request_is_refused_in_text(running: Running, text: bytes) -> None:
    head, _ = refused(running, text)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"text/plain" in head


def test_f10_a_program_that_sends_too_slowly_may_try_again(running: Running, clock: Clock) -> None:
    for begun in (
        b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
    ):
        sock = running.connect(begun)
        running.turns()
        for _ in range(35):
            clock.wait(1)
            running.turns(1)
        said = running.hears(sock) or b""
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"x-should-retry" not in head
        assert json.loads(body.removesuffix(b"."))["error"]["code"] == "invalid_request"


def test_f10_a_program_over_which_the_application_breaks_is_told_so(running: Running) -> None:
    assert answered(running).startswith(b"HTTP/1.1 200 ")
    head, body = refused(running, b"GET /exit HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert body == b"The server failed to answer this request.\n"
