"""The provider client against a real server: what each kind of answer proves.

A create that may have been accepted must never look like one that was not (P22), and no answer to
a look may say more than the vendor said (P28).
"""

import gzip
import json
import socket
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from generations.vendors import (
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUnclear,
    TaskStatus,
    TaskUnknown,
)
from generations.vendors.aivideoapi.client import AiVideoApiClient
from platform_site.secrets.cipher import Secret
from tests.support.vendor import (
    CREATE,
    CREDITS,
    TASKS,
    Exchange,
    Reply,
    Vendor,
    drop,
    html,
    refuse,
    reset,
    running_vendor,
    say,
)

SECRET = "sk-sandbox-0123456789abcdef"
BODY = {"model": "doubao-seedance-1.5-pro", "input": {"prompt": "东方 lake", "duration": 5}}


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with running_vendor() as vendor:
        yield vendor


def client(url: str) -> AiVideoApiClient:
    return AiVideoApiClient(endpoint=url, secret=Secret(SECRET))


def create_at(url: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        client(url).create_task(BODY)
    return caught.value


def look_at(vendor: Vendor, reply: Reply, task_id: str = "t-1") -> ProviderError:
    vendor.next(f"{TASKS}{task_id}", reply)
    with pytest.raises(ProviderError) as caught:
        client(vendor.url).get_task(task_id)
    return caught.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def truncated_json(exchange: Exchange) -> None:
    exchange.send(200, b'{"code": 200, "da', {"Content-Length": "70"})


def never_ending(exchange: Exchange) -> None:
    exchange.send_raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1000):
        exchange.send_raw(b"1\r\n \r\n")
        time.sleep(0.02)


def test_a_create_sends_the_body_and_the_key_and_returns_the_id(vendor: Vendor) -> None:
    task_id = client(vendor.url).create_task(BODY)
    [call] = vendor.creates
    assert task_id == vendor.only_task
    assert call.json == BODY
    assert call.headers["authorization"] == f"Bearer {SECRET}"


def test_p22_a_refused_connection_proves_that_nothing_was_sent() -> None:
    assert isinstance(create_at(f"http://127.0.0.1:{free_port()}"), ProviderUnavailable)


def test_p22_a_name_that_does_not_resolve_proves_that_nothing_was_sent() -> None:
    assert isinstance(create_at("http://vendor.invalid"), ProviderUnavailable)


def test_p22_a_failed_tls_handshake_proves_that_nothing_was_sent(vendor: Vendor) -> None:
    assert isinstance(create_at(vendor.url.replace("http:", "https:")), ProviderUnavailable)
    assert vendor.creates == []


@pytest.mark.parametrize(
    "reply",
    [
        drop,
        reset,
        truncated_json,
        html(500),
        html(502),
        html(400),
        html(200),
        say(500, {"detail": "not the envelope"}),
        say(404, []),
        say(200, [1, 2, 3]),
        say(200, b"NaN"),
        say(200, b"[" * 100_000),
        say(307, b"", Location="/elsewhere"),
        say(200, {"code": 200, "data": {"taskId": 7}}),
        say(200, {"code": 200, "data": {"taskId": "x" * 121}}),
        say(200, {"code": 200, "data": {"taskId": "with\0nul"}}),
        say(200, b'"' + b"x" * 2_000_000 + b'"'),
    ],
    ids=[
        "dropped",
        "reset",
        "truncated",
        "html-500",
        "html-502",
        "html-400",
        "html-200",
        "other-json-500",
        "list-404",
        "list-200",
        "nan",
        "deep-nesting",
        "redirect",
        "number-for-an-id",
        "long-id",
        "nul-in-the-id",
        "huge",
    ],
)
def test_p22_what_may_have_been_accepted_is_unclear(vendor: Vendor, reply: Reply) -> None:
    vendor.next(CREATE, vendor.accepts_then(reply))
    assert isinstance(create_at(vendor.url), ProviderUnclear)
    assert len(vendor.creates) == 1, "a create was repeated"


def test_p22_a_reply_that_never_comes_is_unclear(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generations.vendors.aivideoapi.client._CREATE_TIMEOUT", httpx.Timeout(0.3))
    vendor.next(CREATE, vendor.accepts_then(vendor.gate().before(drop)))
    # A thread of its own: each keeps a client with the timeout that it was made with.
    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(create_at, vendor.url).result(), ProviderUnclear)
    assert len(vendor.tasks) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_request"),
        (401, "invalid_api_key"),
        (402, "insufficient_credits"),
        (403, "ip_not_allowed"),
        (404, "model_not_found"),
        (429, "rate_limit_exceeded"),
        (429, "spend_limit_exceeded"),
        (500, "internal_error"),
        (503, "upstream_error"),
    ],
)
def test_the_vendors_own_envelope_is_a_refusal(vendor: Vendor, status: int, code: str) -> None:
    vendor.next(CREATE, refuse(status, code, "Because."))
    error = create_at(vendor.url)
    assert isinstance(error, ProviderRefused)
    assert (error.status, error.code, error.message) == (status, code, "Because.")


@pytest.mark.parametrize("data", [{}, {"taskId": ""}, {"taskId": None}, None])
def test_a_success_without_a_task_id_counts_as_refused(vendor: Vendor, data: object) -> None:
    vendor.next(CREATE, say(200, {"code": 200, "msg": "success", "data": data}))
    error = create_at(vendor.url)
    assert isinstance(error, ProviderRefused)
    assert (error.status, error.code) == (503, "upstream_error")


def test_a_create_never_takes_a_connection_that_was_used_before(vendor: Vendor) -> None:
    speaker = client(vendor.url)
    speaker.create_task(BODY)
    speaker.create_task(BODY)
    assert len({call.peer for call in vendor.creates}) == 2


@pytest.mark.parametrize(
    "reply",
    [
        refuse(401, "invalid_api_key"),
        refuse(403, "ip_not_allowed"),
        refuse(404, "task_not_found"),
        refuse(429, "rate_limit_exceeded"),
        refuse(500, "internal_error"),
        refuse(503, "upstream_error"),
        html(200),
        html(502),
        drop,
        reset,
        truncated_json,
        say(200, b"\xff\xfe\x00"),
        say(200, b"[" * 100_000),
        say(200, b'{"id": ' + b"9" * 5000 + b"}"),
        say(200, {"id": "t-2", "status": "completed"}),
        say(200, {"id": "t-1", "status": "exploded"}),
        say(200, {"id": "t-1", "status": ["completed"]}),
        say(200, {"id": "t-1"}),
        say(200, {"status": "completed"}),
        say(202, {"id": "t-1", "status": "completed"}),
        say(200, b'"' + b"x" * 2_000_000 + b'"'),
    ],
)
def test_p28_a_look_that_is_not_answered_clearly_says_nothing(vendor: Vendor, reply: Reply) -> None:
    assert isinstance(look_at(vendor, reply), ProviderRefused | ProviderUnclear)


def test_p30_only_a_look_says_that_a_task_is_unknown(vendor: Vendor) -> None:
    unknown = refuse(404, "task_not_found")
    assert isinstance(look_at(vendor, unknown), TaskUnknown)
    assert not isinstance(look_at(vendor, refuse(404, "model_not_found")), TaskUnknown)
    vendor.next(CREATE, unknown)
    assert type(create_at(vendor.url)) is ProviderRefused


def test_p28_a_look_whose_answer_drips_for_ever_ends(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generations.vendors.http._BODY_SECONDS", 0.3)
    started = time.monotonic()
    assert isinstance(look_at(vendor, never_ending), ProviderUnclear)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, '"7"'])
def test_p28_numbers_that_are_none_are_left_out(vendor: Vendor, number: str) -> None:
    task = {"id": "t-1", "status": "completed", "created_at": "#", "completed_at": "#"}
    text = json.dumps({**task, "output": {"urls": [], "metadata": {"seed": "#"}}})
    vendor.next(f"{TASKS}t-1", say(200, text.replace('"#"', number).encode()))
    report = client(vendor.url).get_task("t-1")
    assert (report.status, report.created_at, report.completed_at) == ("completed", None, None)
    assert report.metadata.get("seed", "7") == "7"


def test_metadata_that_we_do_not_know_is_left_out(vendor: Vendor) -> None:
    task_id = vendor.add_task("t-1")
    vendor.finish(task_id, urls=["u"], ratio="16:9\0", surprise={"a": [1]}, duration=[5])
    report = client(vendor.url).get_task(task_id)
    assert report.metadata == {"seed": 41485, "ratio": "16:9"}


def test_a_failed_task_brings_its_reason(vendor: Vendor) -> None:
    task_id = vendor.add_task("t-1")
    vendor.fail(task_id, "upstream_error", "Too \0dark.")
    report = client(vendor.url).get_task(task_id)
    assert report.status == TaskStatus.FAILED
    assert (report.error_code, report.error_message) == ("upstream_error", "Too dark.")


def test_a_task_id_cannot_leave_its_path(vendor: Vendor) -> None:
    with pytest.raises(ProviderRefused):
        client(vendor.url).get_task("../credits?x=1#y")
    [call] = vendor.calls
    assert call.path == "/v1/tasks/..%2Fcredits%3Fx%3D1%23y"


@pytest.mark.parametrize("name", ["balance", "credits"])
def test_the_meter_is_read_under_both_of_its_names(vendor: Vendor, name: str) -> None:
    vendor.next(CREDITS, say(200, {"code": 200, "data": {name: 12, "total_consumed": 3}}))
    meter = client(vendor.url).get_credits()
    assert (meter.balance, meter.total_purchased, meter.total_consumed) == (12, None, 3)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def test_p33_no_error_of_the_client_shows_the_key(vendor: Vendor) -> None:
    split = SECRET.replace("-", "\0-")
    hidden = f'{{"error": {{"code": "bad", "message": "{escaped(SECRET)}"}}}}'
    replies = [
        refuse(401, f"bad {SECRET}", f"Incorrect API key {SECRET}."),
        refuse(401, "bad", split),
        say(401, hidden.encode()),
        say(401, hidden.encode("utf-16")),
        html(500),
        drop,
        reset,
        say(500, {"error": SECRET}),
        say(200, {"data": {"taskId": [SECRET]}}),
        say(200, {"data": {"taskId": f"{SECRET}\n"}}),
        say(200, f"{escaped(SECRET)} {SECRET}".encode()),
        say(200, f"{escaped(split)} {split}".encode("utf-16")),
    ]
    for reply in replies:
        vendor.next(CREATE, reply)
        error: BaseException | None = create_at(vendor.url)
        while error is not None:
            assert SECRET not in f"{error!s}{error!r}{error.args}{vars(error)}"
            error = error.__cause__


def test_p33_no_report_of_the_client_shows_the_key(vendor: Vendor) -> None:
    vendor.add_task("t-1")
    vendor.finish("t-1", urls=[], ratio=SECRET, resolution=SECRET.replace("-", "\0-"))
    vendor.fail("t-1", SECRET, escaped(SECRET))
    hidden = json.dumps(vendor.tasks["t-1"]).replace("\\\\u", "\\u")
    vendor.next(f"{TASKS}t-1", say(200, hidden.encode()))
    report = client(vendor.url).get_task("t-1")
    assert report.error_message == "sk-…cdef"
    assert SECRET not in repr(report)


@pytest.mark.parametrize("before", [*range(0, 60, 3), *range(1950, 2000, 3)])
def test_p33_the_key_is_found_before_a_text_is_cut(vendor: Vendor, before: int) -> None:
    said = "x" * before + SECRET
    vendor.add_task("t-1")
    vendor.finish("t-1", urls=[f"https://file.example/a.mp4?key={SECRET}"], ratio=said)
    vendor.tasks["t-1"]["error"] = {"code": said, "message": said}
    shown = repr(client(vendor.url).get_task("t-1"))
    vendor.next(CREATE, refuse(400, said, said))
    shown += repr(vars(create_at(vendor.url)))
    # Its beginning is the same for every key of the sandbox's; the rest is secret.
    assert SECRET[:12] not in shown


_TASK = json.dumps({"id": "t-1", "status": "processing"}).encode()
_GZIPPED = gzip.compress(_TASK, mtime=0)  # the ids of tests are made of it, and must stay
_HALVES = gzip.compress(_TASK[:9], mtime=0) + gzip.compress(_TASK[9:], mtime=0)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", _GZIPPED),
        ("x-gzip", _GZIPPED),
        ("gzip", _HALVES),
        ("deflate", zlib.compress(_TASK)),
        ("deflate", zlib.compress(_TASK)[2:-4]),
        *((coding, _TASK) for coding in ("", "utf-8", "none", "binary", "aws-chunked", "gzip")),
        ("identity, identity", _TASK),
    ],
)
def test_an_answer_that_can_be_read_is_read_whatever_its_coding_is_called(
    vendor: Vendor, coding: str, packed: bytes
) -> None:
    vendor.next(f"{TASKS}t-1", say(200, packed, Content_Encoding=coding))
    assert client(vendor.url).get_task("t-1").status == "processing"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "x" * 5000])
def test_f17_what_does_not_unpack_within_the_cap_is_unclear(vendor: Vendor, coding: str) -> None:
    bomb = gzip.compress(b" " * 64_000_000)
    tracemalloc.start()
    try:
        assert isinstance(look_at(vendor, say(200, bomb, Content_Encoding=coding)), ProviderUnclear)
        assert isinstance(
            look_at(vendor, say(200, b"no such thing", Content_Encoding=coding)), ProviderUnclear
        )
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 " + b"x" * 50_000 + b"\r\n",
        b"HTTP/1.1 200 \xff\xfe\x80\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        b"HTTP/1.1 429 No\r\nRetry-After: " + b"9" * 5000 + b"\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"\xff" * 500_000 + b"\r\n",
        b"HTTP/9.9 999 \r\n",
        b"\0\0\0\r\n",
    ],
    ids=lambda head: ascii(head)[2:40],
)
def test_f17_no_head_of_an_answer_is_more_than_unclear(vendor: Vendor, head: bytes) -> None:
    def raw(exchange: Exchange) -> None:
        exchange.send_raw(head + b"\r\n<html>")
        exchange.close()

    error = look_at(vendor, raw)
    assert isinstance(error, ProviderUnclear)
    assert len(error.message) < 100
    vendor.next(CREATE, raw)
    assert isinstance(create_at(vendor.url), ProviderUnclear)
