"""What bounds keys of which nobody has said how much they may (F17)."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts.api_keys.service import (
    MOST_KEYS,
    USUAL_RATE,
    WRONG_KEYS,
    authenticate_api_key,
    create_api_key,
    delete_api_key,
)
from accounts.authority import By
from accounts.errors import InvalidApiKey, RateLimitExceeded
from accounts.models import ApiKey, Membership
from platform_site.errors import Conflict
from tests.factories import SYSTEM, make_api_key
from tests.support.api_errors import error_of

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 4, 12, 0, 20, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)


def spend(rate: object, who: object, times: int, now: datetime) -> None:
    for _ in range(times):
        assert rate.take(who, now=now)  # type: ignore[attr-defined]


def test_f17_a_key_without_a_rate_of_its_own_has_the_usual_one(alice: Membership) -> None:
    issued = make_api_key(alice)
    spend(USUAL_RATE, issued.key.pk, USUAL_RATE.most - 1, NOON)
    assert authenticate_api_key(issued.text, client_ip="", now=NOON).key == issued.key
    for is_counted in (True, False):
        with pytest.raises(RateLimitExceeded) as caught:
            authenticate_api_key(issued.text, client_ip="", now=NOON, is_counted=is_counted)
        assert caught.value.details == {
            "limit": 3_000,
            "window": "minute",
            "resets_at": int(NOON.timestamp()) + 40,
        }
    assert authenticate_api_key(issued.text, client_ip="", now=LATER).key == issued.key


def test_f17_a_key_with_a_rate_of_its_own_may_have_more(alice: Membership) -> None:
    issued = make_api_key(alice, requests_per_minute=100_000)
    spend(USUAL_RATE, issued.key.pk, USUAL_RATE.most, NOON)
    assert authenticate_api_key(issued.text, client_ip="", now=NOON).key == issued.key


def test_f17_wrong_keys_of_one_address_are_slowed_down_and_right_ones_are_not(
    alice: Membership,
) -> None:
    issued = make_api_key(alice)
    for _ in range(WRONG_KEYS.most):
        with pytest.raises(InvalidApiKey):
            authenticate_api_key("sk-wrong", client_ip="203.0.113.7", now=NOON)
    with pytest.raises(RateLimitExceeded, match="wrong keys"):
        authenticate_api_key("sk-wrong", client_ip="203.0.113.7", now=NOON)
    assert authenticate_api_key(issued.text, client_ip="203.0.113.7", now=NOON)
    with pytest.raises(InvalidApiKey):
        authenticate_api_key("sk-wrong", client_ip="203.0.113.8", now=NOON)
    with pytest.raises(InvalidApiKey):
        authenticate_api_key("sk-wrong", client_ip="203.0.113.7", now=LATER)


def test_f17_the_api_says_when_to_come_again(client: Client) -> None:
    headers = {"Authorization": "Bearer sk-wrong"}
    replies = [client.get("/v1/credits", headers=headers) for _ in range(2 * WRONG_KEYS.most + 2)]
    # A minute may end meanwhile; two cannot.
    refused = next(one for one in replies if one.status_code == 429)
    error_of(refused, 429, "rate_limit_exceeded")
    assert 1 <= int(refused["Retry-After"]) <= 60


def test_f17_a_person_has_so_many_keys_in_a_team_and_no_more(
    alice: Membership, bob: Membership
) -> None:
    first, _ = create_api_key(team=bob.team, owner=bob.user, label="", by=SYSTEM)
    ApiKey.objects.bulk_create(
        ApiKey(team=bob.team, owner=bob.user, label="k", prefix=f"{n:012}", digest="d", last4="x")
        for n in range(MOST_KEYS - 1)
    )
    with pytest.raises(Conflict, match="the most one person can have"):
        create_api_key(team=bob.team, owner=bob.user, label="", by=By.member(bob))
    assert create_api_key(team=alice.team, owner=alice.user, label="", by=SYSTEM)
    delete_api_key(api_key=first, by=SYSTEM)
    assert create_api_key(team=bob.team, owner=bob.user, label="", by=By.member(bob))
