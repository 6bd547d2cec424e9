"""The error table, what is wrong but the request: keys, credits, limits, roles, servers."""

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.api_keys.service import delete_api_key, set_enabled
from accounts.models import ApiKey, Membership, User
from generations.models import ProviderKey
from tests.factories import SYSTEM, make_api_key, make_member, make_team
from tests.support.api import GENERATIONS, Api, generation_body
from tests.support.api_errors import error_of

pytestmark = pytest.mark.django_db
HINT = "Send the key as 'Authorization: Bearer sk-...'."


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
        # A key that looks like one is not told apart from the others.
        is_key = header is not None and header.startswith("Bearer sk-")
        assert error.get("details") == (None if is_key else {"hint": HINT})

    def test_f08_a_key_in_another_header_is_told_where_it_goes(self, api: Api) -> None:
        reply = Client().get("/v1/credits", headers={"X-Api-Key": str(api.key)})
        assert error_of(reply, 401, "invalid_api_key")["details"] == {"hint": HINT}

    @pytest.mark.parametrize(
        "header",
        [
            "{}",
            "Bearer  {} ",
            'Bearer "{}"',
            "Bearer Bearer {}",
            "Bearer\t{}",
            "Bearer \u200b{}\ufeff",
            "Token {}",
            "Bearer '{}'",
        ],
        ids=ascii,
    )
    def test_f08_what_surrounds_a_key_is_ignored(self, api: Api, header: str) -> None:
        # Programs send UTF-8, which servers hand on as Latin-1.
        sent = header.format(api.key).encode().decode("latin-1")
        assert Client().get("/v1/credits", headers={"Authorization": sent}).status_code == 200

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
            "This needs 112 credits, and the API key's limit of 150 credits per day has 80 left."
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
