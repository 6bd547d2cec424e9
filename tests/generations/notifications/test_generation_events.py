"""What a team's endpoints hear of its generations: each end once, beside the task's own URL."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Membership, WebhookDelivery, WebhookEndpoint
from accounts.webhooks.endpoints import add_endpoint
from accounts.webhooks.events import chosen_names
from generations.archive.keep import keep_film
from generations.lifecycle import State
from generations.models import Film, Generation
from generations.notifications.generation_events import notify_ended
from generations.review.corrections import settle_reviewed
from tests.factories import SYSTEM, make_generation, make_member, make_team
from tests.support.api import Api
from tests.support.films import film_bytes
from tests.support.steps import poll_due, queued, run_queue
from tests.support.vendor import Vendor
from tests.support.working import CHEAP

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]


@pytest.fixture
def endpoint(alice: Membership, vendor: Vendor, settings: Settings) -> WebhookEndpoint:
    """An endpoint of Alice's team that hears of everything."""
    settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
    return add_endpoint(
        team=alice.team, url=f"{vendor.url}/events", events=chosen_names(), by=SYSTEM
    )


def told() -> list[tuple[str, str]]:
    """Return event and URL's path of everything put into the outbox, oldest first."""
    rows = WebhookDelivery.objects.order_by("created_at", "event")
    return [(row.event, "/" + row.url.split("/", 3)[3]) for row in rows]


def data_of(event: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(WebhookDelivery.objects.get(event=event).body)["data"]
    return data


def rendered(alice: Membership, vendor: Vendor, **finish: Any) -> Generation:
    """Let the vendor finish a film, and look."""
    upstream_id = vendor.add_task()
    generation = make_generation(
        alice,
        State.PROCESSING,
        upstream_id=upstream_id,
        callback_url=f"{vendor.url}/own",
        **CHEAP,
    )
    vendor.finish(upstream_id, film_bytes(), duration=4, **finish)
    poll_due()
    return generation


def test_a_film_is_told_as_completed_and_then_as_kept(
    api: Api, alice: Membership, vendor: Vendor, endpoint: WebhookEndpoint
) -> None:
    generation = rendered(alice, vendor)
    assert told() == [("generation.completed", "/events")]
    assert ("deliver", ()) in queued()
    completed = data_of("generation.completed")
    assert completed["object"] == api.task(generation.pk).json()
    assert completed["object"]["status"] == "processing", "our link does not work yet"
    assert (completed["state"], completed["credits"]) == ("completed", 12)
    assert (completed["task"], completed["by"]) == (str(generation.pk), alice.user.email)
    keep_film(generation.pk)
    assert told()[1:] == [("generation.kept", "/events"), ("task.completed", "/own")]
    kept = data_of("generation.kept")
    assert kept["object"] == api.task(generation.pk).json()
    assert kept["film"]["url"] == kept["object"]["output"]["urls"][0]
    film = Film.objects.get()
    assert (kept["film"]["size"], kept["film"]["sha256"]) == (film.size, film.sha256)
    run_queue("deliver")
    [own] = vendor.calls_to("/own")
    assert own.json == kept["object"]
    for call in vendor.calls_to("/events"):
        assert call.headers["x-event"] == call.json["type"]
        assert call.headers["x-task-id"] == str(generation.pk)


def test_a_film_without_a_link_is_told_as_lost(
    alice: Membership, vendor: Vendor, endpoint: WebhookEndpoint
) -> None:
    rendered(alice, vendor, urls=[])
    assert sorted(told()) == [
        ("generation.completed", "/events"),
        ("generation.lost", "/events"),
        ("task.completed", "/own"),
    ]
    lost = data_of("generation.lost")
    assert "link" in lost["problem"]
    assert lost["object"]["output"]["urls"] == []


@pytest.mark.parametrize(
    ("state", "code"), [(State.FAILED, "upstream_error"), (State.CANCELLED, "cancelled")]
)
def test_failed_and_cancelled_are_one_event_and_told_apart(
    api: Api, alice: Membership, endpoint: WebhookEndpoint, state: State, code: str
) -> None:
    generation = make_generation(alice, state)
    assert told() == [("generation.failed", "/events")]
    failed = data_of("generation.failed")
    assert (failed["state"], failed["error"]["code"]) == (state, code)
    assert failed["object"] == api.task(generation.pk).json()


def test_p09_nothing_is_told_twice(
    alice: Membership, vendor: Vendor, endpoint: WebhookEndpoint
) -> None:
    generation = rendered(alice, vendor)
    keep_film(generation.pk)
    before = told()
    for _ in range(3):
        keep_film(generation.pk)
        notify_ended(Generation.objects.get(), now=timezone.now())
    assert told() == before


def test_an_end_that_is_rolled_back_is_not_told(
    alice: Membership, vendor: Vendor, endpoint: WebhookEndpoint
) -> None:
    generation = make_generation(alice, State.FAILED)
    WebhookDelivery.objects.all().delete()
    Generation.objects.filter(pk=generation.pk).update(
        state=State.PROCESSING, ending="", ended_at=None
    )
    generation.refresh_from_db()
    notify_ended(generation, now=timezone.now())
    assert told() == []


def test_p14_a_film_that_came_after_a_person_decided_is_told_as_kept(
    alice: Membership, vendor: Vendor, endpoint: WebhookEndpoint
) -> None:
    upstream_id = vendor.add_task()
    generation = make_generation(
        alice,
        State.NEEDS_REVIEW,
        upstream_id=upstream_id,
        callback_url=f"{vendor.url}/own",
        **CHEAP,
    )
    settle_reviewed(generation, by=SYSTEM, reason="The meter moved.", now=timezone.now())
    assert sorted(told()) == [("generation.failed", "/events"), ("task.failed", "/own")]
    vendor.finish(upstream_id, film_bytes(), duration=4)
    Generation.objects.update(next_poll_at=timezone.now() - timedelta(seconds=1))
    poll_due()
    if Film.objects.filter(state=Film.State.PENDING).exists():
        keep_film(generation.pk)
    assert ("generation.kept", "/events") in told()
    assert ("task.completed", "/own") in told()


def test_p32_another_teams_endpoints_hear_nothing(
    alice: Membership, charlie: Membership, vendor: Vendor, endpoint: WebhookEndpoint
) -> None:
    stranger = make_member(make_team("Third"), "owner")
    for member in (charlie, stranger):
        add_endpoint(team=member.team, url=f"{vendor.url}/x", events=chosen_names(), by=SYSTEM)
    make_generation(alice, State.FAILED)
    assert told() == [("generation.failed", "/events")]


def test_an_endpoint_hears_only_what_it_chose(
    alice: Membership, vendor: Vendor, endpoint: WebhookEndpoint
) -> None:
    WebhookEndpoint.objects.update(events=["generation.kept"])
    make_generation(alice, State.FAILED)
    generation = rendered(alice, vendor)
    keep_film(generation.pk)
    assert told() == [("generation.kept", "/events"), ("task.completed", "/own")]
