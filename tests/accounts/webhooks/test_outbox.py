"""Tests and messages sent again by hand, and what is forgotten in the end."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.authority import By
from accounts.errors import RateLimitExceeded
from accounts.models import (
    AuditEvent,
    HostBackoff,
    Membership,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from accounts.webhooks.delivery import PostResult, claim_attempt, record_attempt
from accounts.webhooks.endpoints import (
    add_endpoint,
    choose_events,
    remove_endpoint,
    set_endpoint_enabled,
)
from accounts.webhooks.events import GenerationKept, WalletLow
from accounts.webhooks.outbox import (
    KEPT_FOR,
    TESTS_A_MINUTE,
    is_subscribed,
    prune_deliveries,
    put_test,
    send_again,
)
from accounts.webhooks.schedule import RETRIES
from platform_site.errors import Conflict, InvalidRequest, PermissionDenied
from tests.factories import SYSTEM
from tests.support.events import put_low_wallet
from tests.support.races import race

pytestmark = pytest.mark.django_db
PENDING, DELIVERED, GIVEN_UP = (
    WebhookDelivery.State.PENDING,
    WebhookDelivery.State.DELIVERED,
    WebhookDelivery.State.GIVEN_UP,
)
LOW = WalletLow.event_name


@pytest.fixture
def endpoint(alice: Membership) -> WebhookEndpoint:
    return add_endpoint(team=alice.team, url="https://hooks.example/d", events=[LOW], by=SYSTEM)


@pytest.fixture
def delivery(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """A message that was tried for a day, an hour ago, in vain."""
    hour_ago = timezone.now() - timedelta(hours=1)
    (delivery,) = put_low_wallet(endpoint.team)
    for _ in range(len(RETRIES) + 1):
        attempt(delivery, 500, hour_ago)
    delivery.refresh_from_db()
    assert delivery.state == GIVEN_UP
    return delivery


def attempt(delivery: WebhookDelivery, status: int, now: Any) -> None:
    assert claim_attempt(delivery, now=now)
    record_attempt(delivery, PostResult(status, "", "", 5), now=now, jitter=0)


def again(delivery: WebhookDelivery, membership: Membership) -> None:
    send_again(delivery, by=By.member(membership), now=timezone.now())


def test_a_message_sent_again_keeps_its_id_and_starts_another_day(
    alice: Membership, delivery: WebhookDelivery
) -> None:
    tries = delivery.attempts
    again(delivery, alice)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.series_attempts) == (PENDING, tries, 0)
    assert delivery.next_attempt_at is not None
    assert delivery.next_attempt_at <= timezone.now()
    attempt(delivery, 503, timezone.now())
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (PENDING, tries + 1)
    assert [one.number for one in delivery.attempt_log.all()] == list(range(1, tries + 2))
    assert AuditEvent.objects.get(action="webhook.sent_again").data == {"event": "wallet.low"}


def test_what_was_delivered_can_be_sent_again(alice: Membership, delivery: WebhookDelivery) -> None:
    WebhookDelivery.objects.update(state=DELIVERED)
    delivery.refresh_from_db()
    again(delivery, alice)
    assert WebhookDelivery.objects.get().state == PENDING


def test_it_is_not_sent_again_right_after_a_try(
    alice: Membership, delivery: WebhookDelivery
) -> None:
    again(delivery, alice)
    delivery.refresh_from_db()
    attempt(delivery, 500, timezone.now())
    delivery.refresh_from_db()
    with pytest.raises(RateLimitExceeded):
        again(delivery, alice)


def test_it_is_not_sent_again_while_it_is_being_posted(
    alice: Membership, delivery: WebhookDelivery
) -> None:
    WebhookDelivery.objects.update(
        state=PENDING, claimed_until=timezone.now() + timedelta(seconds=30)
    )
    delivery.refresh_from_db()
    with pytest.raises(Conflict):
        again(delivery, alice)


def test_nothing_goes_to_an_endpoint_that_is_off_or_gone(
    alice: Membership, endpoint: WebhookEndpoint, delivery: WebhookDelivery
) -> None:
    set_endpoint_enabled(endpoint, enabled=False, by=SYSTEM)
    delivery.refresh_from_db()
    with pytest.raises(Conflict, match="disabled"):
        again(delivery, alice)
    remove_endpoint(endpoint, by=SYSTEM, now=timezone.now())
    delivery.refresh_from_db()
    with pytest.raises(Conflict, match="removed"):
        again(delivery, alice)
    with pytest.raises(Conflict, match="removed"):
        put_test(endpoint, by=By.member(alice), now=timezone.now())
    with pytest.raises(Conflict, match="removed"):
        set_endpoint_enabled(endpoint, enabled=True, by=SYSTEM)
    assert WebhookDelivery.objects.get().state == GIVEN_UP


def test_p32_members_and_strangers_send_nothing(
    bob: Membership, charlie: Membership, endpoint: WebhookEndpoint, delivery: WebhookDelivery
) -> None:
    for stranger in (bob, charlie):
        with pytest.raises(PermissionDenied):
            again(delivery, stranger)
        with pytest.raises(PermissionDenied):
            put_test(endpoint, by=By.member(stranger), now=timezone.now())
        with pytest.raises(PermissionDenied):
            choose_events(endpoint, events=[LOW], by=By.member(stranger))
    assert WebhookDelivery.objects.get().state == GIVEN_UP


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_five_presses_at_once_each_leaves_one_message(
    alice: Membership, delivery: WebhookDelivery
) -> None:
    def press(_number: int) -> None:
        again(WebhookDelivery.objects.select_related("endpoint", "team").get(), alice)

    assert None in race(5, press)
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts) == (PENDING, delivery.attempts)


def test_a_test_is_posted_once_even_to_a_disabled_endpoint(
    alice: Membership, endpoint: WebhookEndpoint
) -> None:
    set_endpoint_enabled(endpoint, enabled=False, by=SYSTEM)
    test = put_test(endpoint, by=By.member(alice), now=timezone.now())
    body = json.loads(test.body)
    assert (test.event, body["type"], body["team"]) == (
        "webhook.test",
        "webhook.test",
        alice.team.slug,
    )
    attempt(test, 500, timezone.now())
    test.refresh_from_db()
    endpoint.refresh_from_db()
    assert (test.state, test.next_attempt_at) == (GIVEN_UP, None)
    assert endpoint.failing_since is None, "nobody missed a message"


def test_tests_are_few_a_minute(alice: Membership, endpoint: WebhookEndpoint) -> None:
    now = timezone.now()
    for _ in range(TESTS_A_MINUTE):
        put_test(endpoint, by=By.member(alice), now=now)
    with pytest.raises(RateLimitExceeded):
        put_test(endpoint, by=By.member(alice), now=now)
    put_test(endpoint, by=By.member(alice), now=now + timedelta(seconds=61))


def test_a_person_who_presses_wakes_a_host_that_is_left_alone(
    alice: Membership, endpoint: WebhookEndpoint
) -> None:
    now = timezone.now()
    later = now + timedelta(minutes=9)
    for team in (alice.team,):
        HostBackoff.objects.create(team=team, host="hooks.example:443", ends_at=later)
    put_test(endpoint, by=By.member(alice), now=now)
    assert HostBackoff.objects.get().ends_at == now


def test_events_are_chosen_anew(alice: Membership, endpoint: WebhookEndpoint) -> None:
    choose_events(endpoint, events=["approval.asked", "generation.kept"], by=By.member(alice))
    assert WebhookEndpoint.objects.get().events == ["approval.asked", "generation.kept"]
    assert is_subscribed(team_id=alice.team_id, event=GenerationKept)
    assert not is_subscribed(team_id=alice.team_id, event=WalletLow)
    for wrong in ([], ["webhook.test"], ["task.completed"]):
        with pytest.raises(InvalidRequest):
            choose_events(endpoint, events=wrong, by=By.member(alice))


def test_a_url_can_be_added_again_after_it_was_removed(
    alice: Membership, endpoint: WebhookEndpoint, delivery: WebhookDelivery
) -> None:
    remove_endpoint(endpoint, by=SYSTEM, now=timezone.now())
    remove_endpoint(endpoint, by=SYSTEM, now=timezone.now())
    fresh = add_endpoint(team=alice.team, url=endpoint.url, events=[LOW], by=SYSTEM)
    assert fresh.pk != endpoint.pk
    assert put_low_wallet(alice.team) == []
    assert AuditEvent.objects.filter(action="webhook_endpoint.removed").count() == 1


def test_what_ended_a_month_ago_is_forgotten_and_what_waits_is_not(
    alice: Membership, endpoint: WebhookEndpoint, delivery: WebhookDelivery
) -> None:
    now = timezone.now()
    test = put_test(endpoint, by=By.member(alice), now=now)
    assert prune_deliveries(now=now + KEPT_FOR - timedelta(hours=1)) == 0
    remove_endpoint(endpoint, by=SYSTEM, now=now)
    WebhookDelivery.objects.filter(pk=test.pk).update(state=PENDING)
    later = now + KEPT_FOR + timedelta(hours=1)
    assert prune_deliveries(now=later) == 1
    assert WebhookDelivery.objects.get() == test
    assert not WebhookAttempt.objects.exists()
    assert WebhookEndpoint.objects.exists(), "the test still points at it"
    WebhookDelivery.objects.update(state=GIVEN_UP)
    assert prune_deliveries(now=later) == 1
    assert not WebhookEndpoint.objects.exists()
