"""Creates against a real server: what may be accepted never looks unsent (P22)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from generations.vendors import ProviderRefused, ProviderUnavailable, ProviderUnclear
from tests.support.ports import free_port
from tests.support.provider_client import BODY, SECRET, client, create_at, truncated_json
from tests.support.vendor import (
    CREATE,
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
