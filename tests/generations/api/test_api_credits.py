"""`GET /v1/credits`."""

import pytest

from accounts.models import Membership
from generations.lifecycle import State
from tests.factories import make_generation
from tests.support.api import Api

pytestmark = pytest.mark.django_db


def meter(api: Api) -> dict[str, int]:
    """Return the four figures."""
    reply = api.get("/v1/credits")
    assert reply.status_code == 200
    data: dict[str, int] = reply.json()["data"]
    return data


def test_the_answer_is_the_vendors(api: Api) -> None:
    assert api.get("/v1/credits").json() == {
        "code": 200,
        "msg": "success",
        "data": {"balance": 1000, "total_purchased": 1000, "total_consumed": 0, "held": 0},
    }


def test_the_balance_is_what_is_available(api: Api) -> None:
    api.accepted()
    assert meter(api) == {
        "balance": 930,
        "total_purchased": 1000,
        "total_consumed": 0,
        "held": 70,
    }


def test_p12_only_what_was_charged_is_consumed(api: Api, alice: Membership) -> None:
    for state in (State.COMPLETED, State.FAILED, State.CANCELLED, State.PROCESSING):
        make_generation(alice, state)
    assert meter(api) == {
        "balance": 860,
        "total_purchased": 1000,
        "total_consumed": 70,
        "held": 70,
    }


def test_p32_a_stranger_sees_their_own_teams_meter(api: Api, stranger_api: Api) -> None:
    api.accepted()
    assert meter(stranger_api)["balance"] == 1000


def test_asking_twice_changes_nothing(api: Api) -> None:
    assert meter(api) == meter(api)
