"""Many clients at once, through a real web server."""

import json
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from accounts.models import Membership
from billing.selectors import Books, books_of, limits_of
from billing.subjects import Subject
from generations.models import Generation, ProviderKey
from tests.factories import fund, make_api_key, make_limit
from tests.support.api import GENERATIONS, generation_body
from tests.support.races import race
from tests.support.web import WebServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def poster(web: WebServer, key: str, **headers: str) -> Callable[[int], httpx.Response]:
    """Return a caller that posts one generation of 70 credits over a connection of its own."""

    def post(_number: int) -> httpx.Response:
        return httpx.post(
            f"{web.url}{GENERATIONS}",
            json=generation_body(),
            headers={"Authorization": f"Bearer {key}", **headers},
            timeout=60,
            trust_env=False,
        )

    return post


def replies(results: list[httpx.Response | Exception]) -> Counter[tuple[int, str]]:
    """Count replies by status and error code."""
    counts: Counter[tuple[int, str]] = Counter()
    for reply in results:
        assert isinstance(reply, httpx.Response), repr(reply)
        counts[reply.status_code, reply.json().get("error", {}).get("code", "")] += 1
    return counts


def assert_books_balance(web: WebServer) -> None:
    """Run `manage.py audit` as an operator does."""
    audit = web.manage("audit", "--json")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert json.loads(audit.stdout)["ok"] is True


def test_p01_a_key_with_a_total_of_150_admits_two_of_fifty_posts_of_70(
    web: WebServer, alice: Membership, provider_key: ProviderKey
) -> None:
    fund(alice.team, 100_000)
    issued = make_api_key(alice, total=150)
    counts = replies(race(50, poster(web, issued.text)))
    assert counts == {(200, ""): 2, (429, "spend_limit_exceeded"): 48}
    assert Generation.objects.count() == 2
    assert books_of(alice.team).held == 140
    assert [use.held for use in limits_of("api_key", issued.key.pk)] == [140]
    assert_books_balance(web)


def test_p01_of_fifty_posts_with_credits_for_three_three_are_admitted(
    web: WebServer, alice: Membership, provider_key: ProviderKey
) -> None:
    team = alice.team
    make_limit(Subject("team", str(team.pk)), 100_000, team=team, window="day")
    # 1,000 credits: 14 × 70; four keys share the one wallet.
    keys = [make_api_key(alice).text for _ in range(4)]
    posts = [poster(web, key) for key in keys]
    counts = replies(race(50, lambda number: posts[number % 4](number)))
    assert counts == {(200, ""): 14, (402, "insufficient_credits"): 36}
    assert books_of(team) == Books(granted=1000, available=20, held=980, spent=0)
    assert_books_balance(web)


def test_twenty_posts_with_one_idempotency_key_make_one_generation(
    web: WebServer, alice: Membership, provider_key: ProviderKey
) -> None:
    post = poster(web, make_api_key(alice).text, **{"Idempotency-Key": "order-1"})
    results = race(20, post)
    assert replies(results) == {(200, ""): 20}
    bodies = {reply.content for reply in results if isinstance(reply, httpx.Response)}
    assert len(bodies) == 1
    assert Generation.objects.count() == 1
    assert books_of(alice.team).held == 70


def test_twenty_posts_with_one_idempotency_key_and_credits_for_one_all_get_its_answer(
    web: WebServer, alice: Membership, provider_key: ProviderKey
) -> None:
    issued = make_api_key(alice, total=70)
    results = race(20, poster(web, issued.text, **{"Idempotency-Key": "order-1"}))
    assert replies(results) == {(200, ""): 20}
    assert Generation.objects.count() == 1
