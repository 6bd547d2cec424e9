"""A team's webhook endpoints: who may add which, and what they are sent."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.authority import By
from accounts.models import AuditEvent, Membership, WebhookDelivery, WebhookEndpoint
from accounts.roles import Role
from accounts.selectors import webhook_endpoints_for
from accounts.webhooks.delivery import headers_for
from accounts.webhooks.endpoints import (
    MAX_ENDPOINTS,
    add_endpoint,
    remove_endpoint,
    set_endpoint_enabled,
)
from accounts.webhooks.events import ApprovalAsked, WalletLow
from accounts.webhooks.outbox import publish_event
from platform_site.errors import Conflict, InvalidRequest, PermissionDenied
from tests.factories import make_member
from tests.support.events import put_low_wallet

pytestmark = pytest.mark.django_db

URL = "https://hooks.studio.example/dailies"
LOW = WalletLow.event_name


def add(membership: Membership, url: str = URL, events: Any = (LOW,)) -> WebhookEndpoint:
    by = By.member(membership)
    return add_endpoint(team=membership.team, url=url, events=events, by=by)


def put(membership: Membership, once: str = "r1") -> int:
    return len(put_low_wallet(membership.team, once=once))


def test_a_manager_adds_one_and_the_trail_says_so(alice: Membership) -> None:
    manager = make_member(alice.team, Role.MANAGER)
    endpoint = add(manager, events=["wallet.low", "approval.asked", "wallet.low"])
    assert endpoint.events == ["approval.asked", "wallet.low"]
    event = AuditEvent.objects.get(action="webhook_endpoint.added")
    assert event.data == {"url": URL, "events": endpoint.events}
    assert list(webhook_endpoints_for(manager)) == [endpoint]


def test_a_member_neither_adds_nor_sees(alice: Membership, bob: Membership) -> None:
    add(alice)
    with pytest.raises(PermissionDenied):
        add(bob, "https://other.example/")
    with pytest.raises(PermissionDenied):
        webhook_endpoints_for(bob)


def test_p32_a_stranger_changes_nothing(alice: Membership, charlie: Membership) -> None:
    endpoint = add(alice)
    assert not webhook_endpoints_for(charlie).exists()
    with pytest.raises(PermissionDenied):
        set_endpoint_enabled(endpoint, enabled=False, by=By.member(charlie))
    with pytest.raises(PermissionDenied):
        remove_endpoint(endpoint, by=By.member(charlie), now=timezone.now())
    assert WebhookEndpoint.objects.get().enabled


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/hook",
        "ftp://hooks.example/",
        "https://user:pass@hooks.example/",
        "not a url",
        "",
    ],
)
def test_p31_the_url_must_be_public(alice: Membership, url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        add(alice, url)
    assert caught.value.field == "url"
    assert not WebhookEndpoint.objects.exists()


def test_p31_named_receivers_are_exempt(alice: Membership, settings: Settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9000"]
    assert add(alice, "http://127.0.0.1:9000/hook").enabled


@pytest.mark.parametrize("events", [[], ["wallet.low", "no.such"], ["task.completed"]])
def test_the_events_must_be_known(alice: Membership, events: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        add(alice, events=events)
    assert caught.value.field == "events"


def test_a_url_stands_once_a_team(alice: Membership, charlie: Membership) -> None:
    add(alice)
    with pytest.raises(Conflict):
        add(alice)
    assert add(charlie).team == charlie.team


def test_there_are_not_too_many(alice: Membership) -> None:
    for number in range(MAX_ENDPOINTS):
        add(alice, f"{URL}/{number}")
    with pytest.raises(Conflict):
        add(alice)


def test_an_event_goes_to_who_wants_it_once(alice: Membership, charlie: Membership) -> None:
    add(alice)
    add(alice, f"{URL}/other", ["approval.asked"])
    off = add(alice, f"{URL}/off")
    set_endpoint_enabled(off, enabled=False, by=By.member(alice))
    add(charlie)
    assert put(alice) == 1
    assert put(alice) == 0
    assert put(alice, once="r2") == 1
    delivery = WebhookDelivery.objects.earliest("created_at")
    assert (delivery.url, delivery.team) == (URL, alice.team)
    body = json.loads(delivery.body)
    assert body["type"] == "wallet.low"
    assert body["team"] == alice.team.slug
    low = {"available": 3, "held": 0, "spent": 0, "low_at": 10}
    assert body["data"] == low
    assert abs(body["created_at"] - timezone.now().timestamp()) < 60


def test_only_what_is_about_a_task_names_one(alice: Membership) -> None:
    add(alice, events=["wallet.low", "approval.asked"])
    put(alice)
    asked = ApprovalAsked(
        task="a-task", by="bob", credits=70, project=None, above=10, expires_at=1795364495
    )
    task, now = uuid4(), timezone.now()
    publish_event(asked, team=alice.team, subject_id=task, now=now)
    named = {
        one.event: headers_for(one, now=timezone.now()).get("X-Task-Id")
        for one in WebhookDelivery.objects.all()
    }
    assert named == {"wallet.low": None, "approval.asked": str(task)}


def test_what_waits_for_an_endpoint_that_goes_off_is_given_up(alice: Membership) -> None:
    endpoint = add(alice)
    put(alice)
    set_endpoint_enabled(endpoint, enabled=False, by=By.member(alice))
    assert WebhookDelivery.objects.get().state == WebhookDelivery.State.GIVEN_UP
    set_endpoint_enabled(endpoint, enabled=True, by=By.member(alice))
    assert put(alice, once="r2") == 1


def test_a_removed_endpoint_leaves_its_history(alice: Membership) -> None:
    endpoint = add(alice)
    put(alice)
    remove_endpoint(endpoint, by=By.member(alice), now=timezone.now())
    assert put(alice, once="r2") == 0
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.endpoint) == (WebhookDelivery.State.GIVEN_UP, endpoint)
