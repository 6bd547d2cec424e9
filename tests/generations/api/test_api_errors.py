"""The whole error table: exact status, code, type and envelope of every way to fail."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.api_keys.service import delete_api_key, set_enabled
from accounts.models import ApiKey, Membership, User
from billing.models import Rate
from generations.models import ProviderKey, VideoModel
from tests.factories import SYSTEM, make_api_key, make_member, make_team
from tests.support.api import GENERATIONS, Api, generation_body

pytestmark = pytest.mark.django_db

# The vendor's page, "Error Reference"; three more rows are ours.
TYPES = {
    (400, "invalid_request"): "invalid_request_error",
    (401, "invalid_api_key"): "authentication_error",
    (402, "insufficient_credits"): "billing_error",
    (403, "ip_not_allowed"): "permission_error",
    (404, "model_not_found"): "invalid_request_error",
    (404, "task_not_found"): "invalid_request_error",
    (429, "rate_limit_exceeded"): "rate_limit_error",
    (429, "spend_limit_exceeded"): "billing_error",
    (500, "internal_error"): "api_error",
    (503, "upstream_error"): "upstream_error",
    (404, "not_found"): "invalid_request_error",
    (405, "invalid_request"): "invalid_request_error",
    (403, "permission_denied"): "permission_error",
}


def error_of(reply: Any, status: int, code: str) -> dict[str, Any]:
    """Check a refusal against its row of the table; return what is inside the envelope."""
    assert reply.status_code == status, reply.content
    assert reply["Content-Type"] == "application/json"
    body = json.loads(reply.content)
    assert list(body) == ["error"]
    error: dict[str, Any] = body["error"]
    assert set(error) - {"details"} == {"code", "message", "type"}
    assert (error["code"], error["type"]) == (code, TYPES[status, code])
    assert isinstance(error["message"], str)
    assert error["message"]
    return error


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


class TestInvalidApiKey:
    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Bearer sk-",
            "Bearer sk-unknown",
            "Bearer sk-" + "0" * 60,
            "Bearer pk-" + "0" * 60,
            "Bearer sk-ünïcode" + "0" * 60,
            "Basic c2stOg==",
            "Bearer " + "x" * 8000,
        ],
    )
    @pytest.mark.parametrize("path", ["/v1/credits", "/v1/tasks/x", "/v1/tasks/a/b"])
    def test_no_key_of_ours(self, header: str | None, path: str) -> None:
        headers = {} if header is None else {"Authorization": header}
        error = error_of(Client().get(path, headers=headers), 401, "invalid_api_key")
        assert error["message"] == "API key is invalid, disabled, or deleted."
        assert "details" not in error

    def test_the_text_without_its_sk(self, api: Api) -> None:
        assert api.key
        reply = Api(api.key.removeprefix("sk-")).get("/v1/credits")
        error_of(reply, 401, "invalid_api_key")

    def test_one_wrong_character(self, api: Api) -> None:
        assert api.key
        wrong = api.key[:-1] + ("a" if api.key[-1] != "a" else "b")
        error_of(Api(wrong).get("/v1/credits"), 401, "invalid_api_key")

    @pytest.mark.parametrize("end", ["disabled", "deleted", "expired", "banned", "left"])
    @pytest.mark.parametrize("path", ["/v1/credits", GENERATIONS, "/v1/uploads"])
    def test_a_key_that_is_dead_says_nothing_about_why(
        self, alice: Membership, provider_key: ProviderKey, end: str, path: str
    ) -> None:
        issued = make_api_key(alice)
        api = Api(issued.text)
        assert api.get("/v1/credits").status_code == 200
        endings: dict[str, Callable[[], object]] = {
            "disabled": lambda: set_enabled(api_key=issued.key, enabled=False, by=SYSTEM),
            "deleted": lambda: delete_api_key(api_key=issued.key, by=SYSTEM),
            "expired": lambda: ApiKey.objects.update(expires_at=timezone.now()),
            "banned": lambda: User.objects.filter(pk=alice.user_id).update(is_active=False),
            "left": alice.delete,
        }
        endings[end]()
        reply = api.get(path) if path == "/v1/credits" else api.post(path, generation_body())
        error = error_of(reply, 401, "invalid_api_key")
        assert error["message"] == "API key is invalid, disabled, or deleted."

    def test_the_key_is_looked_at_before_the_body(self) -> None:
        error_of(Api("sk-unknown").post(GENERATIONS, b"{"), 401, "invalid_api_key")

    def test_the_scheme_is_read_as_http_defines_it(self, api: Api) -> None:
        reply = Client().get("/v1/credits", headers={"Authorization": f"bearer  {api.key} "})
        assert reply.status_code == 200


class TestInsufficientCredits:
    def test_p34_it_says_what_is_missing_who_helps_and_what_would_fit(
        self, alice: Membership, bob: Membership, provider_key: ProviderKey
    ) -> None:
        team = alice.team  # 1,000 credits
        api = Api(make_api_key(bob).text)
        for _ in range(2):
            api.accepted(duration=12, resolution="1080p")  # 360 each
        error = error_of(api.generate(duration=12, resolution="1080p"), 402, "insufficient_credits")
        details = error["details"]
        assert {**details, "variants": None} == {
            "scope": "wallet",
            "window": "total",
            "limit": 1000,
            "spent": 0,
            "held": 720,
            "needed": 360,
            "resets_at": None,
            "raised_by": ["alice"],
            "variants": None,
        }
        assert [v["credits"] for v in details["variants"]] == [270, 180, 168]
        for variant in details["variants"]:
            wanted = {k: v for k, v in variant.items() if k != "credits"}
            assert api.get("/v1/credits").json()["data"]["balance"] >= variant["credits"]
            assert set(wanted) == {"duration", "resolution", "generate_audio"}
        assert team.generations.count() == 2

    def test_an_empty_wallet_fits_nothing(self, provider_key: ProviderKey) -> None:
        member = make_member(make_team("Poor"), "owner")
        provider_key.__class__.objects.filter(pk=provider_key.pk).update(team=member.team)
        error = error_of(Api(make_api_key(member).text).generate(), 402, "insufficient_credits")
        assert error["details"]["variants"] == []
        assert error["details"]["limit"] == 0


class TestIpNotAllowed:
    def test_a_key_from_another_address(self, alice: Membership) -> None:
        text = make_api_key(alice, allowed_networks=["203.0.113.0/24"]).text
        assert Api(text, address="203.0.113.9").get("/v1/credits").status_code == 200
        error_of(Api(text, address="203.0.114.9").get("/v1/credits"), 403, "ip_not_allowed")

    def test_a_wrong_key_is_not_told_about_addresses(self, alice: Membership) -> None:
        text = make_api_key(alice, allowed_networks=["203.0.113.0/24"]).text
        error_of(Api(text[:-1]).get("/v1/credits"), 401, "invalid_api_key")


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
            "",
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
        ["/v1/", "/v1/videos", "/v1/videos/generations/", "/v1/tasks", "/v1/nope", "/v1/%00"],
    )
    @pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
    def test_an_unknown_path(self, path: str, method: str) -> None:
        client = Client(enforce_csrf_checks=True)
        error_of(getattr(client, method)(path), 404, "not_found")


class TestMethodNotAllowed:
    @pytest.mark.parametrize(
        ("path", "methods", "allowed"),
        [
            (GENERATIONS, ["get", "put", "patch", "delete", "options"], "POST"),
            ("/v1/uploads", ["get", "put", "patch", "delete", "options"], "POST"),
            ("/v1/credits", ["post", "put", "patch", "delete", "options"], "GET"),
            ("/v1/tasks/x", ["post", "put", "patch", "delete", "options"], "GET"),
        ],
    )
    def test_another_method(self, api: Api, path: str, methods: list[str], allowed: str) -> None:
        client = Client(enforce_csrf_checks=True)
        for method in methods:
            reply = getattr(client, method)(path, headers={"Authorization": f"Bearer {api.key}"})
            error_of(reply, 405, "invalid_request")
            assert allowed in reply["Allow"]


class TestLimits:
    def test_too_many_requests_a_minute(self, alice: Membership) -> None:
        api = Api(make_api_key(alice, requests_per_minute=0).text)
        error = error_of(api.get("/v1/credits"), 429, "rate_limit_exceeded")
        details = error["details"]
        assert (details["limit"], details["window"]) == (0, "minute")
        assert 0 < details["resets_at"] - timezone.now().timestamp() <= 60

    def test_p34_a_spend_limit_names_its_scope_and_what_would_fit(
        self, alice: Membership, bob: Membership, provider_key: ProviderKey
    ) -> None:
        make_member(alice.team, "manager", email="mia@studio.example")
        issued = make_api_key(bob, hourly=1000, daily=150, total=10_000)
        api = Api(issued.text)
        api.accepted()
        error = error_of(api.generate(duration=8), 429, "spend_limit_exceeded")
        assert error["message"] == (
            "This needs 112 credits, and the API key's limit of 150 credits a day has 80 left."
        )
        midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
        assert error["details"] == {
            "scope": "api_key",
            "window": "day",
            "limit": 150,
            "spent": 0,
            "held": 70,
            "needed": 112,
            "resets_at": int((midnight + timedelta(days=1)).timestamp()),
            "raised_by": ["alice", "mia"],
            "variants": [
                {"duration": 5, "resolution": "720p", "generate_audio": True, "credits": 70},
                {"duration": 8, "resolution": "480p", "generate_audio": True, "credits": 56},
                {"duration": 8, "resolution": "720p", "generate_audio": False, "credits": 56},
            ],
        }

    def test_a_limit_refuses_before_the_wallet(self, provider_key: ProviderKey) -> None:
        member = make_member(provider_key.team, "owner")
        api = Api(make_api_key(member, total=5).text)
        Api(make_api_key(member).text).accepted(duration=12, resolution="1080p")
        Api(make_api_key(member).text).accepted(duration=12, resolution="1080p")
        error_of(api.generate(duration=12, resolution="1080p"), 429, "spend_limit_exceeded")


class TestServerErrors:
    @pytest.fixture
    def no_tasks(self) -> None:
        """Break the database for the rest of the test."""
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE generations_generation RENAME TO gone")

    def test_whatever_breaks_is_an_internal_error_that_tells_nothing(
        self, api: Api, no_tasks: None, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR):
            error = error_of(
                api.task("00000000-0000-4000-8000-000000000000"), 500, "internal_error"
            )
        assert error["message"] == "Unexpected server error."
        assert "details" not in error
        assert "api_failed" in caplog.text

    def test_nobody_to_send_with_is_an_upstream_error(self, alice: Membership) -> None:
        api = Api(make_api_key(alice).text)
        error = error_of(api.generate(), 503, "upstream_error")
        assert "provider key" in error["message"]
        assert api.get("/v1/credits").json()["data"]["held"] == 0


class TestPermission:
    def test_a_viewers_key_reads_but_neither_submits_nor_uploads(
        self, alice: Membership, provider_key: ProviderKey
    ) -> None:
        viewer = make_member(alice.team, "viewer")
        api = Api(make_api_key(viewer).text)
        assert api.get("/v1/credits").status_code == 200
        error_of(api.generate(), 403, "permission_denied")
        assert not alice.team.generations.exists()


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
    assert [e.request_id for e in generation.events.all()] == ["request-0002"]
