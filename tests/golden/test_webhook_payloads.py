"""What is posted for each event, letter by letter."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Team, WebhookDelivery, WebhookEndpoint
from accounts.webhooks.endpoints import add_endpoint
from accounts.webhooks.events import chosen_names
from accounts.webhooks.outbox import put_test
from generations.approvals.service import approve, set_threshold
from generations.lifecycle import State
from generations.limits.alerts import raise_spend_alerts
from generations.models import Film, Generation, ProviderKey
from generations.notifications.generation_events import notify_ended
from generations.provider_keys.service import pause_provider_key
from generations.review.decide import PATIENCE, notify_long_reviews
from tests.factories import SYSTEM, make_film, make_generation, make_limit, team_subject
from tests.support.golden import assert_golden, shown

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key", "endpoint")]

CALLBACK: dict[str, Any] = {"callback_url": "https://client.example/own"}


@pytest.fixture
def endpoint(alice: Membership) -> WebhookEndpoint:
    """An endpoint that hears of everything."""
    url, events = "https://client.example/events", chosen_names()
    return add_endpoint(team=alice.team, url=url, events=events, by=SYSTEM)


def compare(event: str, *, generation: Generation | None = None, **ids: int) -> None:
    """Compare what is posted for `event`, written as Python writes JSON, with its golden file.

    `ids` are numbers in its data that differ from run to run, and stand as 1 in the file.
    """
    [delivery] = WebhookDelivery.objects.filter(event=event)
    body: dict[str, Any] = json.loads(delivery.body)
    assert delivery.body == json.dumps(body)
    for name, number in ids.items():
        assert body["data"][name] == number
        body["data"][name] = 1
    fixed = {}
    if generation is not None:
        fixed[str(generation.pk)] = "170cf4c5-4396-4772-a188-a1e85ee5d1c3"
        for film in Film.objects.filter(generation=generation):
            fixed[film.token] = "a-film's-token"
    assert_golden(f"webhooks/{event}.json", shown(body, fixed))


def completed(member: Membership, **film: Any) -> Generation:
    """Complete a generation, whose film row then says what `film` does, and tell of it."""
    generation = make_generation(member, State.COMPLETED, film=False, prompt="A pier", **CALLBACK)
    Film.objects.all().delete()
    if film:
        make_film(generation, now=timezone.now())
        Film.objects.update(**film)
        notify_ended(Generation.objects.get(), now=timezone.now())
    return generation


def test_generation_completed(alice: Membership) -> None:
    compare("generation.completed", generation=completed(alice))


def test_generation_kept_and_task_completed(alice: Membership) -> None:
    generation = completed(alice, state=Film.State.KEPT, duration_ms=5000, has_audio=True)
    compare("generation.kept", generation=generation)
    compare("task.completed", generation=generation)


def test_generation_lost(alice: Membership) -> None:
    gone = {"kept_at": None, "lost_at": timezone.now(), "problem": "The vendor's link died."}
    generation = completed(alice, state=Film.State.GIVEN_UP, **gone)
    compare("generation.lost", generation=generation)


def test_generation_failed_and_task_failed(alice: Membership) -> None:
    generation = make_generation(alice, State.FAILED, prompt="A pier", **CALLBACK)
    compare("generation.failed", generation=generation)
    compare("task.failed", generation=generation)


def test_generation_in_review(alice: Membership) -> None:
    generation = make_generation(alice, State.NEEDS_REVIEW, prompt="A pier")
    notify_long_reviews(now=timezone.now() + PATIENCE * 2)
    compare("generation.in_review", generation=generation)


def test_budget_threshold(team: Team, alice: Membership) -> None:
    make_limit(team_subject(team), 140, team=team, window="day")
    make_generation(alice)
    raise_spend_alerts(now=timezone.now())
    compare("budget.threshold")


def test_wallet_low(team: Team, alice: Membership) -> None:
    team.accounts.filter(kind="wallet").update(low_at=1_000)
    make_generation(alice)
    raise_spend_alerts(now=timezone.now() + timedelta(seconds=1))
    compare("wallet.low")


def test_provider_key_paused(provider_key: ProviderKey, alice: Membership) -> None:
    make_generation(alice)
    pause_provider_key(provider_key, reason="The key sk-live-1 is out of credits.", by=SYSTEM)
    ProviderKey.objects.update(label="Shared")
    compare("provider_key.paused", provider_key=provider_key.pk)


def test_approval_asked_and_decided(team: Team, alice: Membership, bob: Membership) -> None:
    set_threshold(team=team, above=10, by=SYSTEM)
    generation = make_generation(bob, prompt="A pier")
    compare("approval.asked", generation=generation)
    approve(generation, by=By.member(alice), now=timezone.now(), reason="Fine")
    compare("approval.decided", generation=generation)


def test_webhook_test(endpoint: WebhookEndpoint, alice: Membership) -> None:
    put_test(endpoint, by=By.member(alice), now=timezone.now())
    compare("webhook.test", endpoint=endpoint.pk)
