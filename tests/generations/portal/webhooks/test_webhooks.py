"""Webhooks in the portal: endpoints, deliveries with their tries, tests, and the secret."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.authority import By
from accounts.models import Membership, WebhookDelivery, WebhookEndpoint
from accounts.webhooks.delivery import PostResult, claim_attempt, record_attempt
from accounts.webhooks.endpoints import add_endpoint, set_endpoint_enabled
from accounts.webhooks.events import WalletLow, chosen_names
from accounts.webhooks.secrets import webhook_secret
from generations.lifecycle import State
from generations.portal.feed.waits import LIVE
from generations.portal.webhooks.deliveries import PAGE
from tests.factories import SYSTEM, make_generation
from tests.generations.portal.conftest import SignIn
from tests.support.steps import queued, run_queue
from tests.support.vendor import Vendor, say

pytestmark = pytest.mark.django_db
LOW = WalletLow.event_name


@pytest.fixture
def endpoint(manager: Membership, vendor: Vendor, settings: Settings) -> WebhookEndpoint:
    settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
    return add_endpoint(
        team=manager.team, url=f"{vendor.url}/hook", events=chosen_names(), by=SYSTEM
    )


def put(endpoint: WebhookEndpoint, count: int = 1, **fields: Any) -> list[WebhookDelivery]:
    fields = {"event": LOW, "body": '{"type": "wallet.low", "note": "<b>"}', **fields}
    return [
        WebhookDelivery.objects.create(
            team=endpoint.team,
            endpoint=endpoint,
            url=endpoint.url,
            reference=str(uuid4()),
            **fields,
        )
        for _ in range(count)
    ]


def page(client: Client, path: str) -> str:
    reply = client.get(path)
    assert reply.status_code == 200
    return " ".join(reply.content.decode().split())


def test_a_test_is_sent_and_its_answer_is_shown_when_it_comes(
    manager: Membership, endpoint: WebhookEndpoint, vendor: Vendor, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    vendor.next("/hook", say(418, b"I am <b>a teapot</b>"))
    reply = client.post(f"/webhooks/{endpoint.pk}/test/")
    assert reply.status_code == 302
    path = reply["Location"]
    feed = f"/feed/?view=delivery&id={path.rstrip('/').rpartition('/')[2]}"
    [version] = re.findall('data-version="(.*?)"', page(client, path))
    asked = {"If-None-Match": version.replace("&quot;", '"')}
    waiting = client.get(feed, headers=asked)
    assert (waiting.status_code, waiting["X-Dailies-Wait"]) == (304, str(LIVE))
    assert queued() == [("deliver", ())]
    run_queue("deliver")
    answered = client.get(feed, headers=asked)
    assert answered["X-Dailies-Wait"] != str(LIVE), "there is nothing more to come"
    shown = answered.content.decode()
    assert shown.strip().startswith('<div class="delivery"'), "the header has not changed"
    assert "418" in shown
    assert "I am &lt;b&gt;a teapot&lt;/b&gt;" in shown
    assert "webhook-signature" in shown
    assert vendor.calls_to("/hook")[0].json["type"] == "webhook.test"


def test_too_many_tests_are_refused_in_words(
    manager: Membership, endpoint: WebhookEndpoint, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    replies = [client.post(f"/webhooks/{endpoint.pk}/test/") for _ in range(7)]
    assert [reply.status_code for reply in replies] == [302] * 6 + [200]
    assert "tests per minute" in replies[-1].content.decode()


def test_a_message_is_sent_again_under_its_id(
    manager: Membership, endpoint: WebhookEndpoint, vendor: Vendor, sign_in: SignIn
) -> None:
    (delivery,) = put(endpoint)
    client, path = sign_in(manager), f"/webhooks/deliveries/{delivery.pk}/"
    hour_ago = timezone.now() - timedelta(hours=1)
    assert claim_attempt(delivery, now=hour_ago)
    record_attempt(delivery, PostResult(500, "busy", "", 12), now=hour_ago, jitter=0)
    assert "Send now" in page(client, path)
    assert client.post(f"{path}again/").status_code == 302
    run_queue("deliver")
    [call] = vendor.calls_to("/hook")
    assert call.headers["webhook-id"] == str(delivery.pk)
    shown = page(client, path)
    assert "Delivered" in shown
    assert "Send again" in shown
    refused = client.post(f"{path}again/")
    assert "last attempt was a moment ago" in refused.content.decode()
    assert len(vendor.calls_to("/hook")) == 1


def test_a_try_that_nobody_wrote_down_is_told_as_such(
    manager: Membership, endpoint: WebhookEndpoint, sign_in: SignIn
) -> None:
    (delivery,) = put(endpoint)
    assert claim_attempt(delivery, now=timezone.now() - timedelta(hours=1))
    shown = page(sign_in(manager), f"/webhooks/deliveries/{delivery.pk}/")
    assert "Nobody knows whether it arrived" in shown
    assert "&lt;b&gt;" in shown


def test_deliveries_are_filtered_and_come_page_by_page(
    manager: Membership, endpoint: WebhookEndpoint, sign_in: SignIn
) -> None:
    now = timezone.now()
    # Several a moment, so that the id must decide.
    for minute in range(10):
        put(endpoint, 5, created_at=now - timedelta(minutes=minute))
    put(endpoint, 3, event="approval.asked", state="given_up")
    client = sign_in(manager)
    for start in ("/webhooks/deliveries/", f"/webhooks/{endpoint.pk}/"):
        seen: list[WebhookDelivery] = []
        query: Any = "event=wallet.low"
        while query is not None:
            context = client.get(f"{start}?{query}").context
            seen += context["deliveries"]
            query = context["more"]
        assert len(seen) == len({one.pk for one in seen}) == 50 > PAGE
        assert seen == sorted(seen, key=lambda one: (one.created_at, one.pk), reverse=True)
        given_up = client.get(f"{start}?state=given_up").context["deliveries"]
        assert {one.event for one in given_up} == {"approval.asked"}
        assert "No matching deliveries" in page(client, f"{start}?state=delivered")
        odd = client.get(f"{start}?state=x&event=%00&before=nonsense")
        assert (odd.status_code, len(odd.context["deliveries"])) == (200, PAGE)


def test_events_are_chosen_anew(
    manager: Membership, endpoint: WebhookEndpoint, sign_in: SignIn
) -> None:
    client, path = sign_in(manager), f"/webhooks/{endpoint.pk}/events/"
    assert client.post(path, {"events": ["generation.kept"]}).status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.events == ["generation.kept"]
    for wrong in ([], ["webhook.test"]):
        reply = client.post(path, {"events": wrong})
        assert "events" in reply.context["form"].errors
    endpoint.refresh_from_db()
    assert endpoint.events == ["generation.kept"]


def test_one_that_was_disabled_automatically_says_why(
    manager: Membership, endpoint: WebhookEndpoint, vendor: Vendor, sign_in: SignIn
) -> None:
    put(endpoint)
    vendor.next("/hook", say(410, b""))
    client = sign_in(manager)
    client.post(f"/webhooks/{endpoint.pk}/test/")
    run_queue("deliver")
    for path in ("/webhooks/", f"/webhooks/{endpoint.pk}/"):
        assert "it no longer exists" in page(client, path)
    assert f'href="/webhooks/{endpoint.pk}/"' in page(client, "/notices/")
    assert client.post(f"/webhooks/{endpoint.pk}/switch/", {"enable": "1"}).status_code == 302
    assert (
        "it no longer exists" not in page(client, f"/webhooks/{endpoint.pk}/").split("table", 1)[0]
    )


def test_p33_a_fresh_secret_is_shown_once_and_the_old_one_can_be_ended(
    manager: Membership, sign_in: SignIn
) -> None:
    client, before = sign_in(manager), webhook_secret(manager.team)
    reply = client.post("/webhooks/secret/rotate/")
    assert "no-store" in reply["Cache-Control"]
    manager.team.refresh_from_db()
    fresh = webhook_secret(manager.team)
    assert fresh != before
    assert fresh in reply.content.decode()
    shown = page(client, "/webhooks/")
    assert fresh not in shown
    assert "also signs until" in shown
    assert "Rotate…" not in shown
    assert "still signs" in client.post("/webhooks/secret/rotate/").content.decode()
    assert client.post("/webhooks/secret/end-old/").status_code == 302
    assert "also signs until" not in page(client, "/webhooks/")
    assert "No previous secret" in client.post("/webhooks/secret/end-old/").content.decode()


def test_a_films_page_lists_its_webhooks_to_who_manages_them(
    manager: Membership, bob: Membership, endpoint: WebhookEndpoint, sign_in: SignIn
) -> None:
    generation = make_generation(bob, State.FAILED)
    delivery = WebhookDelivery.objects.get(event="generation.failed")
    path = f"/generations/{generation.pk}/"
    assert f'href="/webhooks/deliveries/{delivery.pk}/"' in page(sign_in(manager), path)
    assert "/webhooks/" not in page(sign_in(bob), path)
    assert f'href="{path}"' in page(sign_in(manager), f"/webhooks/deliveries/{delivery.pk}/")


def test_p32_members_and_strangers_see_and_do_nothing(
    manager: Membership,
    bob: Membership,
    charlie: Membership,
    endpoint: WebhookEndpoint,
    sign_in: SignIn,
) -> None:
    (delivery,) = put(endpoint)
    set_endpoint_enabled(endpoint, enabled=False, by=By.member(manager))
    member, stranger = sign_in(bob), sign_in(charlie)
    gets = ["/webhooks/deliveries/", "/webhooks/{}/", "/webhooks/deliveries/{}/"]
    posts = ["/webhooks/{}/test/", "/webhooks/{}/events/", "/webhooks/deliveries/{}/again/"]
    for method, paths in (("get", gets), ("post", posts)):
        for path in paths:
            is_delivery = "deliveries" in path
            for client, wanted in ((member, 403), (stranger, 404)):
                for pk in (
                    delivery.pk if is_delivery else endpoint.pk,
                    uuid4() if is_delivery else 9**9,
                ):
                    reply = getattr(client, method)(path.format(pk))
                    expected = 200 if client is stranger and "{}" not in path else wanted
                    assert reply.status_code == expected, (method, path)
    for path in ("/webhooks/secret/rotate/", "/webhooks/secret/end-old/"):
        assert member.post(path).status_code == 403
    assert delivery.reference not in stranger.get("/webhooks/deliveries/").content.decode()
    assert not stranger.get("/webhooks/deliveries/").context["deliveries"]
