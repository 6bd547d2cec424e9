"""Looks against a real server: no answer says more than the vendor said (P28), packed or not."""

import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from generations.vendors import (
    ProviderError,
    ProviderRefused,
    ProviderUnclear,
    TaskStatus,
    TaskUnknown,
)
from tests.support.provider_client import client, create_at, truncated_json
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


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with running_vendor() as vendor:
        yield vendor


def look_at(vendor: Vendor, reply: Reply, task_id: str = "t-1") -> ProviderError:
    vendor.next(f"{TASKS}{task_id}", reply)
    with pytest.raises(ProviderError) as caught:
        client(vendor.url).get_task(task_id)
    return caught.value


def never_ending(exchange: Exchange) -> None:
    exchange.send_raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(1000):
        exchange.send_raw(b"1\r\n \r\n")
        time.sleep(0.02)


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


@pytest.mark.parametrize(
    ("reply", "asks_to_wait"),
    [
        (refuse(429, "rate_limit_exceeded"), True),
        (refuse(429, "spend_limit_exceeded"), False),
        (refuse(503, "upstream_error"), False),
        (html(429), True),
        (html(503), False),
        (drop, False),
    ],
    ids=range(6),
)
def test_p28_too_many_requests_ask_to_wait(
    vendor: Vendor, reply: Reply, asks_to_wait: bool
) -> None:
    assert look_at(vendor, reply).asks_to_wait == asks_to_wait


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


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, '"x"'])
def test_p28_numbers_that_are_none_are_left_out(vendor: Vendor, number: str) -> None:
    task = {"id": "t-1", "status": "completed", "created_at": "#", "completed_at": "#"}
    text = json.dumps({**task, "output": {"urls": [], "metadata": {"seed": "#"}}})
    vendor.next(f"{TASKS}t-1", say(200, text.replace('"#"', number).encode()))
    report = client(vendor.url).get_task("t-1")
    assert (report.status, report.created_at, report.completed_at) == ("completed", None, None)
    assert report.metadata.get("seed", "x") == "x"


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
