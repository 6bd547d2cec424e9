"""`POST /v1/videos/generations`: every field, default, range and price of the vendor's page."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

MODEL = "doubao-seedance-1.5-pro"
STUCK = "[sandbox:stuck] a lighthouse"


def envelope(reply: httpx.Response) -> tuple[int, str, str]:
    error = reply.json()["error"]
    assert set(error) == {"code", "message", "type"}
    assert error["message"]
    return reply.status_code, error["code"], error["type"]


INVALID = (400, "invalid_request", "invalid_request_error")


def test_a_created_task_is_answered_in_the_vendors_shape(client: Any) -> None:
    reply = client.create(STUCK)
    assert reply.status_code == 200
    body = reply.json()
    assert (body["code"], body["msg"]) == (200, "success")
    assert len(body["data"]["taskId"]) == 36


@pytest.mark.parametrize(
    ("fields", "price"),
    [
        ({"resolution": "720p", "duration": 5, "generate_audio": True}, 70),
        ({"resolution": "1080p", "duration": 8, "generate_audio": False}, 120),
        ({"resolution": "480p", "duration": 12, "generate_audio": True}, 84),
        ({}, 70),
        ({"resolution": "480p", "duration": 4, "generate_audio": False}, 12),
        ({"resolution": "1080p", "duration": 12, "generate_audio": True}, 360),
        ({"resolution": None, "duration": None, "generate_audio": None, "seed": None}, 70),
    ],
)
def test_a_task_is_charged_by_the_vendors_price_table(
    client: Any, fields: dict[str, Any], price: int
) -> None:
    reply = client.post({"model": MODEL, "input": {"prompt": STUCK, **fields}})
    assert reply.status_code == 200
    assert client.credits() == {
        "balance": 1_000_000 - price,
        "total_purchased": 1_000_000,
        "total_consumed": price,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"duration": 3},
        {"duration": 13},
        {"duration": 5.5},
        {"duration": 5.0},
        {"duration": "5"},
        {"duration": True},
        {"resolution": "360p"},
        {"resolution": 720},
        {"aspect_ratio": "2:1"},
        {"aspect_ratio": "adaptive"},
        {"ratio": "2:1"},
        {"ratio": "1:1", "aspect_ratio": "16:9"},
        {"generate_audio": "true"},
        {"generate_audio": 1},
        {"watermark": 0},
        {"camera_fixed": "no"},
        {"seed": -2},
        {"seed": 4294967296},
        {"seed": 1.5},
        {"seed": "7"},
        {"seed": False},
        {"prompt": ""},
        {"prompt": "   "},
        {"prompt": None},
        {"prompt": 5},
        {"image_urls": "https://example.com/a.png"},
        {"image_urls": ["https://example.com/a.png"] * 3},
        {"image_urls": ["ftp://example.com/a.png"]},
        {"image_urls": ["data:image/png;base64,AAAA"]},
        {"image_urls": [{"href": "https://example.com/a.png"}]},
        {"image_urls": [None]},
        {"image_urls": ["/a.png"]},
        {"video_urls": ["https://example.com/a.mp4"]},
        {"audio_urls": []},
        {"generation_type": "text"},
        {"web_search": False},
        {"return_last_frame": True},
    ],
    ids=str,
)
def test_a_wrong_field_is_refused_and_costs_nothing(client: Any, fields: dict[str, Any]) -> None:
    reply = client.create(**{"prompt": "a lake", **fields})
    assert envelope(reply) == INVALID
    assert client.credits()["total_consumed"] == 0


@pytest.mark.parametrize("value", [-1, 0, 4294967295])
def test_the_ends_of_the_seed_range_are_accepted(client: Any, value: int) -> None:
    assert client.create(STUCK, seed=value).status_code == 200


@pytest.mark.parametrize("fields", [{"ratio": "9:16"}, {"ratio": "9:16", "aspect_ratio": "9:16"}])
def test_ratio_is_an_alias_of_aspect_ratio(client: Any, fields: dict[str, Any]) -> None:
    task_id = client.accepted(STUCK, **fields)
    assert client.book_entry(task_id)["request"]["aspect_ratio"] == "9:16"


def test_image_urls_may_be_strings_and_objects(client: Any) -> None:
    urls = ["https://example.com/a.jpg", {"url": "https://example.com/b.jpg"}]
    task_id = client.accepted(STUCK, image_urls=urls)
    kept = client.book_entry(task_id)["request"]["image_urls"]
    assert kept == ["https://example.com/a.jpg", "https://example.com/b.jpg"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"input": {"prompt": "x"}}, "'model' is required."),
        ({"model": None, "input": {"prompt": "x"}}, "'model' is required."),
        ({"model": MODEL}, "'input' is required."),
        ({"model": MODEL, "input": {}}, "'prompt' is required."),
        ({"model": 5, "input": {"prompt": "x"}}, "'model' must be a string."),
        ({"model": MODEL, "input": []}, "'input' must be an object."),
        ([], "The request body must be a JSON object."),
        ({"model": MODEL, "input": {"prompt": "x"}, "callback_url": "nowhere"}, None),
        ({"model": MODEL, "input": {"prompt": "x"}, "callback_url": 5}, None),
    ],
)
def test_a_wrong_body_is_named(client: Any, body: Any, message: str | None) -> None:
    reply = client.post(body)
    assert envelope(reply) == INVALID
    assert message is None or reply.json()["error"]["message"] == message


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"model": NaN}',
        b'{"model": "%s", "input": {"prompt": "\\ud800"}}' % MODEL.encode(),
        b"9" * 5000,
        b" " * (5 * 1024 * 1024),
    ],
    ids=["empty", "cut", "not-utf8", "deep", "nan", "surrogate", "huge-number", "too-large"],
)
def test_what_is_not_json_is_refused_in_the_envelope(client: Any, raw: bytes) -> None:
    reply = client.http.post("/v1/videos/generations", content=raw)
    assert envelope(reply) == INVALID


def test_an_unknown_model_is_not_found(client: Any) -> None:
    reply = client.post({"model": "doubao-seedance-9", "input": {"prompt": "x"}})
    assert envelope(reply) == (404, "model_not_found", "invalid_request_error")


@pytest.mark.parametrize(
    "key", ["", "sk-other-1234", "sk-sandbox-", "sandbox-1", "sk-sandbox-" + "x" * 300]
)
def test_any_other_key_is_not_a_key(connect: Callable[..., Any], key: str) -> None:
    stranger = connect(key="sk-sandbox-placeholder")
    stranger.http.headers["Authorization"] = f"Bearer {key}".strip()
    for reply in (
        stranger.create(),
        stranger.http.get("/v1/credits"),
        stranger.http.get("/v1/tasks/none"),
    ):
        assert envelope(reply) == (401, "invalid_api_key", "authentication_error")


def test_a_key_without_bearer_is_not_a_key(client: Any) -> None:
    client.http.headers["Authorization"] = client.key
    assert client.http.get("/v1/credits").status_code == 401


def test_an_unknown_path_and_a_wrong_method_speak_the_envelope(client: Any) -> None:
    unknown = client.http.get("/v1/nothing")
    assert envelope(unknown) == (404, "invalid_request", "invalid_request_error")
    wrong = client.http.get("/v1/videos/generations")
    assert envelope(wrong) == (405, "invalid_request", "invalid_request_error")


def test_an_empty_balance_refuses_with_402(client: Any) -> None:
    dearest = {"resolution": "1080p", "duration": 12, "generate_audio": True}
    # 2777 times 360 leaves 280: the next one cannot be paid.
    for _ in range(2777):
        assert client.create(STUCK, **dearest).status_code == 200
    assert client.credits()["balance"] == 280
    refused = client.create(STUCK, **dearest)
    assert envelope(refused) == (402, "insufficient_credits", "billing_error")
    assert client.credits()["balance"] == 280
