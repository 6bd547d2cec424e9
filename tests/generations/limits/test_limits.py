"""Limits of every scope and window: what they refuse, in which order, and what a refusal says."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from accounts.models import Membership
from accounts.roles import Role
from billing.errors import InsufficientCredits, SpendLimitExceeded
from billing.models import Hold, SpendWindow, Transfer
from billing.windows import Window
from generations.models import Generation
from tests.factories import make_api_key, make_generation, make_member, make_provider_key
from tests.support.api import Api
from tests.support.desk import SCOPES, Desk, complete, fail
from tests.support.steps import queued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("balanced")]

ENDS = {
    "hour": datetime(2026, 3, 11, 13, tzinfo=UTC),
    "day": datetime(2026, 3, 12, tzinfo=UTC),
    "week": datetime(2026, 3, 16, tzinfo=UTC),
    "month": datetime(2026, 4, 1, tzinfo=UTC),
    "total": None,
}


def refusal(desk: Desk, **inputs: Any) -> dict[str, Any]:
    """Submit what must be refused by a spend limit; return what the refusal says."""
    with pytest.raises(SpendLimitExceeded) as caught:
        desk.submit(**inputs)
    return caught.value.details


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize("window", Window.values)
@pytest.mark.parametrize("scope", SCOPES)
def test_p34_a_limit_of_any_scope_and_window_refuses_and_says_everything(
    desk: Desk, alice: Membership, scope: str, window: str
) -> None:
    desk.cap(scope, 180, window)
    complete(desk.submit())
    desk.submit()
    end = ENDS[window]
    # A limit that one sets for oneself is nobody else's to raise.
    raiser = desk.membership if scope == "own" else alice
    said = refusal(desk)
    assert said.pop("is_own", False) == (scope == "own")
    assert said == {
        "scope": "member" if scope == "own" else scope,
        "window": window,
        "limit": 180,
        "spent": 70,
        "held": 70,
        "needed": 70,
        "resets_at": int(end.timestamp()) if end else None,
        "raised_by": [raiser.user.get_full_name()],
        "variants": [
            {"duration": 5, "resolution": "480p", "generate_audio": True, "credits": 35},
            {"duration": 5, "resolution": "720p", "generate_audio": False, "credits": 35},
            {"duration": 4, "resolution": "480p", "generate_audio": True, "credits": 28},
        ],
    }


@pytest.mark.parametrize("scope", SCOPES)
def test_p01_a_limit_admits_to_its_last_credit_and_not_one_more(desk: Desk, scope: str) -> None:
    desk.cap(scope, 139)
    desk.submit()
    assert refusal(desk)["held"] == 70
    desk.cap(scope, 140)
    desk.submit()
    assert SpendWindow.objects.get().held == 140


@pytest.mark.parametrize("scope", SCOPES)
def test_p01_a_refusal_leaves_no_trace(desk: Desk, scope: str) -> None:
    for other in SCOPES:
        desk.cap(other, 1_000, "day")
    desk.cap(scope, 69)
    refusal(desk)
    assert not Generation.objects.exists()
    assert not Hold.objects.exists()
    assert not Transfer.objects.exclude(kind="grant").exists()
    assert not SpendWindow.objects.exclude(held=0).exists()
    assert queued() == []


@pytest.mark.parametrize("order", [SCOPES, SCOPES[::-1]], ids=["narrow first", "wide first"])
def test_p34_of_several_full_limits_the_narrowest_is_named_whichever_was_set_first(
    desk: Desk, order: list[str]
) -> None:
    for scope in order:
        desk.cap(scope, 60)
    for scope in SCOPES:
        assert refusal(desk)["scope"] == ("member" if scope == "own" else scope)
        desk.cap(scope, 1_000)
    desk.submit()


def test_several_limits_of_one_scope_all_count_and_the_full_one_is_named(
    desk: Desk, noon: time_machine.Traveller
) -> None:
    for window, credits in {"hour": 70, "day": 140, "week": 210, "total": 280}.items():
        desk.cap("member", credits, window)
    hour, day, week = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
    named = []
    for until_room, until_refused in [(hour, 0 * hour), (hour, hour), (day, hour), (week, hour)]:
        noon.shift(until_room)
        desk.submit()
        noon.shift(until_refused)
        named.append(refusal(desk)["window"])
    assert named == ["hour", "day", "week", "total"]


def test_a_limit_is_asked_before_the_wallet(desk: Desk) -> None:
    desk.cap("team", 980)
    for _ in range(14):  # 980 of 1,000 credits
        desk.submit()
    assert refusal(desk)["scope"] == "team"
    desk.cap("team", None)
    with pytest.raises(InsufficientCredits) as caught:
        desk.submit()
    assert caught.value.details["scope"] == "wallet"


def test_p34_an_empty_wallet_says_as_much_and_names_no_member_who_could_not_fill_it(
    desk: Desk, alice: Membership
) -> None:
    make_member(desk.team, Role.MANAGER)
    complete(desk.submit())
    for _ in range(13):
        desk.submit()
    with pytest.raises(InsufficientCredits) as caught:
        desk.submit()
    assert caught.value.message.endswith("Ask an administrator to top up the wallet.")
    assert caught.value.details == {
        "scope": "wallet",
        "window": "total",
        "limit": 1_000,
        "spent": 70,
        "held": 910,
        "needed": 70,
        "resets_at": None,
        "variants": [
            {"duration": 5, "resolution": "480p", "generate_audio": False, "credits": 15},
            {"duration": 4, "resolution": "480p", "generate_audio": False, "credits": 12},
        ],
    }


def test_p04_what_is_held_counts_like_what_is_spent_and_what_comes_back_does_not(
    desk: Desk,
) -> None:
    desk.cap("member", 140, "day")
    complete(desk.submit())
    failing = desk.submit()
    assert refusal(desk)["held"] == 70
    fail(failing)
    desk.submit()
    assert (refusal(desk)["spent"], refusal(desk)["held"]) == (70, 70)


def test_every_suggested_variant_is_admitted(desk: Desk) -> None:
    desk.cap("project", 45)
    suggested = refusal(desk, duration=12, resolution="1080p")["variants"]
    assert suggested
    for variant in suggested:
        credits = variant.pop("credits")
        generation = desk.submit(**variant)
        assert generation.credits == credits <= 45
        fail(generation)


def test_a_limit_too_small_for_anything_suggests_nothing(desk: Desk) -> None:
    desk.cap("api_key", 11)  # the cheapest film costs 12
    assert refusal(desk)["variants"] == []


def test_limits_of_others_do_not_count(desk: Desk, alice: Membership) -> None:
    other_key = make_api_key(desk.membership).key
    desk.cap("api_key", 70)
    desk.cap("member", 140)
    desk.cap("project", 70)
    desk.submit()
    make_generation(desk.membership, submission={"api_key": other_key})
    make_generation(alice, submission={"project": None})
    own_provider_key = make_provider_key(desk.team, alice.user)
    desk.cap("provider_key", 0)
    assert make_generation(alice).provider_key == own_provider_key


def test_p34_the_api_answers_429_in_the_vendors_envelope_with_our_details(
    desk: Desk, api: Api
) -> None:
    desk.cap("team", 69, "hour")
    reply = api.generate()
    assert reply.status_code == 429
    error = reply.json()["error"]
    assert (error["code"], error["type"]) == ("spend_limit_exceeded", "billing_error")
    assert re.fullmatch(
        "This needs 70 credits, and the team's limit of 69 credits per hour has 69 left.",
        error["message"],
    )
    assert error["details"]["scope"] == "team"


def test_the_api_counts_a_project_that_its_header_names(desk: Desk, api: Api) -> None:
    desk.cap("project", 70)
    header = {"X-Project": desk.project.slug}
    assert api.generate(headers=header).status_code == 200
    assert api.generate(headers=header).json()["error"]["details"]["scope"] == "project"
    assert api.generate().status_code == 200
    for empty in ("", " "):
        reply = api.generate(headers={"X-Project": empty})
        assert (reply.status_code, "is empty" in reply.json()["error"]["message"]) == (400, True)
    unknown = api.generate(headers={"X-Project": "elsewhere"})
    assert unknown.status_code == 400
    assert unknown.json()["error"]["details"]["field"] == "project"
