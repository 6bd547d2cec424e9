"""The error table, what is wrong with the request: 400, 404 and 405, and what every refusal has."""

import gzip
import json
import logging

import pytest
from django.test import Client

from accounts.models import Membership
from billing.models import Rate
from generations.models import VideoModel
from generations.selectors import events_of
from tests.support.api import GENERATIONS, Api, generation_body
from tests.support.api_errors import error_of

pytestmark = pytest.mark.django_db


class TestInvalidRequest:
    def test_a_missing_parameter_is_named_as_on_the_vendors_page(self, api: Api) -> None:
        error = error_of(api.post(GENERATIONS, {"input": {}}), 400, "invalid_request")
        assert error == {
            "code": "invalid_request",
            "message": "'model' is required.",
            "type": "invalid_request_error",
            "details": {"field": "model"},
        }

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"{'model': 1}",
            b"\xff\xfe",
            b"NaN",
            b'{"model": NaN}',
            b'{"model": Infinity}',
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b'{"input": {"seed": ' + b"9" * 5000 + b"}}",
            b'{"model": "x", "model": "y"}',
            b"\xef\xbb\xbf{}",
            b'"\\ud800"',
            b"null",
            b"[]",
            b"true",
        ],
    )
    def test_a_body_that_is_no_json_object(self, api: Api, body: bytes) -> None:
        error_of(api.post(GENERATIONS, body), 400, "invalid_request")

    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense", ""],
    )
    def test_another_content_type(self, api: Api, content_type: str) -> None:
        reply = api.http.post(
            GENERATIONS,
            json.dumps(generation_body()),
            content_type=content_type,
            headers={"Authorization": f"Bearer {api.key}"},
        )
        error_of(reply, 400, "invalid_request")

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"\x1f\x8b\x08\x00", "compressed with gzip"),
            (b"\x28\xb5\x2f\xfd\x00", "compressed with zstd"),
            (b"\xef\xbb\xbf{}", "byte order mark"),
            ('{"model": 1}'.encode("utf-16"), "UTF-16"),
            ('{"model": 1}'.encode("utf-16-be"), "UTF-16"),
            ('{"model": 1}'.encode("utf-32"), "UTF-32"),
            ('{"model": 1}'.encode("utf-32-be"), "UTF-32"),
            (b'--b\r\nContent-Disposition: form-data; name="model"', "looks like a form"),
            (b"{'model': 1}", "Line 1, column 2"),
            (b'{"model": "x",\n}', "Line 2, column 1"),
            (b'{"model": "\xff"}', "Byte 12 is not UTF-8"),
            (b'{"model": NaN}', "NaN"),
            (b'{"model": "x", "model": "y"}', "'model' twice"),
            (b"[" * 100_000, "too deeply"),
            (b'{"input": {"seed": ' + b"9" * 5000 + b"}}", "too many digits"),
        ],
        ids=range(15),
    )
    def test_f8_what_is_no_json_is_told_what_it_is_and_where(
        self, api: Api, body: bytes, words: str
    ) -> None:
        assert words in error_of(api.post(GENERATIONS, body), 400, "invalid_request")["message"]

    @pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "GZIP, br"])
    @pytest.mark.parametrize("path", [GENERATIONS, "/v1/uploads", "/v1/tasks/x/cancel"])
    def test_f8_a_compressed_body_is_told_so(self, api: Api, path: str, coding: str) -> None:
        reply = api.http.post(
            path,
            gzip.compress(b"{}"),
            content_type="application/json",
            headers={"Authorization": f"Bearer {api.key}", "Content-Encoding": coding},
        )
        if path.endswith("cancel"):  # nobody reads it: there is no such task
            assert reply.status_code == 404
            return
        message = error_of(reply, 400, "invalid_request")["message"]
        assert f"compressed (Content-Encoding: {coding})" in message

    @pytest.mark.parametrize(
        ("path", "sent", "wanted"),
        [
            (GENERATIONS, "text/plain", "application/json"),
            (GENERATIONS, "application/x-www-form-urlencoded", "application/json"),
            (GENERATIONS, "multipart/form-data; boundary=b", "application/json"),
            ("/v1/uploads", "application/json", "multipart/form-data"),
            ("/v1/uploads", "image/png", "multipart/form-data"),
        ],
    )
    def test_f8_a_wrong_type_is_told_what_came_and_what_is_taken(
        self, api: Api, path: str, sent: str, wanted: str
    ) -> None:
        headers = {"Authorization": f"Bearer {api.key}"}
        reply = api.http.post(path, b"{}", content_type=sent, headers=headers)
        message = error_of(reply, 400, "invalid_request")["message"]
        kind = sent.partition(";")[0]
        assert message == f"The Content-Type must be {wanted}; this request says {kind}."

    def test_a_multipart_body(self, api: Api) -> None:
        headers = {"Authorization": f"Bearer {api.key}"}
        reply = api.http.post(GENERATIONS, {"model": "x"}, headers=headers)
        error_of(reply, 400, "invalid_request")

    @pytest.mark.parametrize(
        "content_type", ["application/json; charset=utf-8", "Application/JSON"]
    )
    def test_json_however_its_type_is_written(self, api: Api, content_type: str) -> None:
        reply = api.http.post(
            GENERATIONS,
            json.dumps(generation_body()),
            content_type=content_type,
            headers={"Authorization": f"Bearer {api.key}"},
        )
        assert reply.status_code == 200

    @pytest.mark.parametrize("megabytes", [2, 10])
    def test_a_body_that_is_too_large(self, api: Api, megabytes: int) -> None:
        body = b'{"model": "' + b"x" * megabytes * 1024 * 1024 + b'"}'
        error = error_of(api.post(GENERATIONS, body), 400, "invalid_request")
        assert "too large" in error["message"]

    @pytest.mark.parametrize("name", ["\ud800", "x" * 1000])
    def test_a_field_whose_name_cannot_be_repeated(self, api: Api, name: str) -> None:
        body = json.dumps(generation_body(**{name: 1})).encode()
        error_of(api.post(GENERATIONS, body), 400, "invalid_request")

    @pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
    def test_an_idempotency_key_that_is_none(self, api: Api, key: str) -> None:
        reply = api.generate(headers={"Idempotency-Key": key})
        error_of(reply, 400, "invalid_request")

    def test_a_host_that_is_not_ours(self, api: Api) -> None:
        error_of(api.get("/v1/credits", Host="evil.example"), 400, "invalid_request")

    def test_chinese_comes_back_readable(self, api: Api) -> None:
        reply = api.post(GENERATIONS, generation_body(猫=1))
        error_of(reply, 400, "invalid_request")
        assert "猫" in reply.content.decode()


class TestNotFound:
    def test_a_model_that_does_not_exist(self, api: Api) -> None:
        error = error_of(api.generate(model="sora"), 404, "model_not_found")
        assert error["message"] == "Model does not exist or is inactive."

    def test_a_model_that_is_inactive(self, api: Api) -> None:
        VideoModel.objects.update(active=False)
        error_of(api.generate(), 404, "model_not_found")

    def test_p20_a_model_without_a_price(self, api: Api) -> None:
        Rate.objects.filter(resolution="720p", audio=True).delete()
        error_of(api.generate(), 404, "model_not_found")
        assert api.generate(generate_audio=False).status_code == 200

    @pytest.mark.parametrize(
        "task",
        [
            "00000000-0000-4000-8000-000000000000",
            "x",
            "%00",
            "a/b",
            "../credits",
            "%F0%9F%8E%AC",
            "x" * 3000,
        ],
    )
    def test_a_task_that_does_not_exist(self, api: Api, task: str) -> None:
        error = error_of(api.get(f"/v1/tasks/{task}"), 404, "task_not_found")
        assert error["message"] == "Task ID does not exist."

    @pytest.mark.parametrize(
        "path",
        ["/v1/", "/v1", "/v1/videos", "/v1/tasks", "/v1/tasks/", "/v1/nope", "/v1/%00"],
    )
    @pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
    def test_an_unknown_path(self, path: str, method: str) -> None:
        client = Client(enforce_csrf_checks=True)
        error_of(getattr(client, method)(path), 404, "not_found")


class TestMethodNotAllowed:
    @pytest.mark.parametrize(
        ("path", "methods", "allowed"),
        [
            (GENERATIONS, ["get", "put", "patch", "delete"], "POST"),
            ("/v1/uploads", ["get", "put", "patch", "delete"], "POST"),
            ("/v1/credits", ["post", "put", "patch", "delete"], "GET"),
            ("/v1/tasks/x", ["post", "put", "patch", "delete"], "GET"),
        ],
    )
    def test_another_method(self, api: Api, path: str, methods: list[str], allowed: str) -> None:
        client = Client(enforce_csrf_checks=True)
        for method in methods:
            reply = getattr(client, method)(path, headers={"Authorization": f"Bearer {api.key}"})
            error_of(reply, 405, "invalid_request")
            assert allowed in reply["Allow"]


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*;q=0.5", "nonsense"])
@pytest.mark.parametrize("query", ["", "?format=xml", "?format=api"])
def test_the_answer_is_json_whatever_is_asked_for(api: Api, accept: str, query: str) -> None:
    reply = api.get(f"/v1/credits{query}", Accept=accept)
    assert reply.status_code == 200
    assert reply["Content-Type"] == "application/json"


def test_p35_every_answer_carries_the_request_id(api: Api) -> None:
    assert api.get("/v1/credits", X_Request_ID="request-0001")["X-Request-ID"] == "request-0001"
    for wrong in ("short", "a b c d e f g", "x" * 65, "line\tbreak"):
        made = api.get("/v1/nope", X_Request_ID=wrong)["X-Request-ID"]
        assert made != wrong
        assert len(made) == 32


def test_p35_the_request_id_reaches_the_books_and_the_log(
    api: Api, alice: Membership, caplog: pytest.LogCaptureFixture
) -> None:
    reply = api.generate(headers={"X-Request-ID": "request-0002"})
    with caplog.at_level(logging.WARNING):
        api.get("/v1/nope", X_Request_ID="request-0003")
    assert "'request_id': 'request-0003'" in caplog.text
    generation = alice.team.generations.get(pk=reply.json()["data"]["taskId"])
    assert generation.hold.transfers.get().request_id == "request-0002"
    assert [e.request_id for e in events_of(generation)] == ["request-0002"]
