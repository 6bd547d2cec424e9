"""HTTP's own words in answers of the API: who may ask, when to ask again, and what not to store."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership
from generations.models import ProviderKey
from tests.factories import make_api_key, make_limit, make_team, team_subject
from tests.support.api import GENERATIONS, Api

pytestmark = pytest.mark.django_db

MINUTE, MONTH = 60, 31 * 24 * 3600


@pytest.mark.parametrize("key", [None, "sk-unknown", "", "x"])
def test_f10_a_401_names_the_scheme(db: None, key: str | None) -> None:
    for path in ("/v1/credits", "/v1/tasks/x", "/v1/uploads", GENERATIONS):
        for method in ("get", "post"):
            reply = getattr(Api(key), method)(path)
            assert reply.status_code == 401
            assert reply["WWW-Authenticate"].split()[0] == "Bearer"


def test_f10_a_rate_limit_says_when_there_is_room_again(alice: Membership) -> None:
    api = Api(make_api_key(alice, requests_per_minute=0).text)
    reply = api.get("/v1/credits")
    assert reply.status_code == 429
    assert 1 <= int(reply["Retry-After"]) <= MINUTE
    assert "x-should-retry" not in reply


@pytest.mark.parametrize(
    ("window", "longest"), [("hour", 3600), ("day", 86_400), ("month", MONTH), ("total", None)]
)
def test_f10_a_spend_limit_is_final_and_says_when_it_ends(
    api: Api, alice: Membership, window: str, longest: int | None
) -> None:
    make_limit(team_subject(alice.team), 5, team=alice.team, window=window)
    reply = api.generate()
    assert reply.status_code == 429
    assert reply["x-should-retry"] == "false"
    if longest is None:
        assert "Retry-After" not in reply
    else:
        assert 1 <= int(reply["Retry-After"]) <= longest


def test_f10_what_is_final_says_so(api: Api, alice: Membership, provider_key: ProviderKey) -> None:
    used = {"Idempotency-Key": "one"}
    assert api.generate(headers=used).status_code == 200
    poor = Api(make_api_key(_owner_of_a_poor_team(alice)).text)
    finals: list[tuple[Any, int]] = [
        (api.generate(resolution="4k"), 400),
        (Api(None).get("/v1/credits"), 401),
        (poor.generate(), 503),  # nobody has a provider key: a person has to add one
        (api.get("/v1/tasks/x"), 404),
        (api.post("/v1/credits"), 405),
        (api.generate("Another", headers=used), 409),
    ]
    for reply, status in finals:
        assert reply.status_code == status
        assert reply["x-should-retry"] == "false"
        assert "Retry-After" not in reply


def test_f10_no_answer_of_the_api_is_stored(api: Api) -> None:
    replies = [
        api.get("/v1/credits"),
        api.generate(),
        api.get("/v1/tasks/x"),
        api.get("/v1/nope"),
        api.get("/v1"),
        api.get("/api/v1/credits"),
        Api(None).get("/v1/credits"),
        api.get("/v1/credits", Host="evil.example"),
        api.http.options("/v1/credits"),
    ]
    assert {reply["Cache-Control"] for reply in replies} == {"no-store"}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (GENERATIONS, {"POST", "OPTIONS"}),
        ("/v1/uploads", {"POST", "OPTIONS"}),
        ("/v1/credits", {"GET", "HEAD", "OPTIONS"}),
        ("/v1/tasks/x", {"GET", "HEAD", "OPTIONS"}),
        ("/v1/tasks/x/receipt", {"GET", "HEAD", "OPTIONS"}),
        ("/v1/tasks/x/cancel", {"POST", "OPTIONS"}),
        ("/v1/tasks/x/approve", {"POST", "OPTIONS"}),
    ],
)
def test_f10_options_says_what_an_address_answers_and_allow_tells_the_truth(
    api: Api, path: str, allowed: set[str]
) -> None:
    for reply in (Client().options(path), api.http.options(path)):
        assert reply.status_code == 204
        assert reply.content == b""
        assert set(reply["Allow"].split(", ")) == allowed
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        reply = api.http.generic(method, path, headers={"Authorization": f"Bearer {api.key}"})
        assert (reply.status_code == 405) is (method not in allowed)


def test_f10_a_replay_is_marked_and_a_first_answer_is_not(api: Api) -> None:
    key = {"Idempotency-Key": "one"}
    first, second, other = (api.generate(headers=key), api.generate(headers=key), api.generate())
    assert first.json() == second.json() != other.json()
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in other


def _owner_of_a_poor_team(alice: Membership) -> Membership:
    return Membership.objects.create(team=make_team("Poor"), user=alice.user, role=alice.role)
