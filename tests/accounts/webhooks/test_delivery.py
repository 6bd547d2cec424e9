"""Webhooks out: the vendor's headers and words, signed, repeated until heard, and sent once."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from accounts.models import HostBackoff, Membership, Team, WebhookDelivery
from accounts.webhooks.schedule import RETRIES
from accounts.webhooks.secrets import rotate_webhook_seals, webhook_secret
from accounts.webhooks.worker import deliver_due
from billing.models import Transfer
from generations.archive.keep import keep_film
from generations.lifecycle import Ending, Money, State
from generations.models import Generation
from generations.notifications.generation_events import notify_ended
from generations.transitions import end_generation
from platform_site.backoff import JITTER
from tests.factories import SYSTEM, make_generation
from tests.support.api import Api
from tests.support.films import film_bytes
from tests.support.races import race
from tests.support.steps import empty_queue, poll_due, run_queue
from tests.support.vault_keys import generate_key
from tests.support.vendor import Call, Reply, Vendor, drop, html, reset, running_vendor, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]
HOOK = "/hooks/a?token=1"


@pytest.fixture
def hook(vendor: Vendor, settings: Settings) -> str:
    """The URL of a client that listens, on a port that the operator has exempted."""
    settings.OUTBOUND_ALLOW = [vendor.url.removeprefix("http://")]
    return f"{vendor.url}{HOOK}"


@pytest.fixture
def delivery(alice: Membership, hook: str) -> WebhookDelivery:
    """A webhook of a failed generation, not sent yet."""
    make_generation(alice, State.FAILED, callback_url=hook)
    return WebhookDelivery.objects.get()


def sent(delivery: WebhookDelivery) -> WebhookDelivery:
    """Let the next try be due, if there is one, and have it made."""
    waiting = WebhookDelivery.objects.filter(pk=delivery.pk, next_attempt_at__isnull=False)
    waiting.update(next_attempt_at=timezone.now())
    HostBackoff.objects.update(ends_at=timezone.now())
    assert deliver_due()
    delivery.refresh_from_db()
    return delivery


def test_a_failure_is_told_in_the_words_of_the_api(api: Api, vendor: Vendor, hook: str) -> None:
    task_id = api.accepted(callback_url=hook)
    generation = Generation.objects.get(pk=task_id)
    end_generation(
        generation,
        Ending.CANCELLED,
        money=Money.RELEASE,
        by=SYSTEM,
        now=timezone.now(),
        error_message="Alice changed her mind.",
    )
    run_queue("deliver")
    [call] = vendor.calls_to(HOOK)
    assert call.json == api.task(task_id).json()
    assert call.json["error"] == {"code": "cancelled", "message": "Alice changed her mind."}


def test_a_completion_is_told_once_the_film_is_kept(
    api: Api, alice: Membership, vendor: Vendor, hook: str
) -> None:
    task_id = vendor.add_task()
    generation = make_generation(
        alice,
        State.PROCESSING,
        upstream_id=task_id,
        callback_url=hook,
        duration=4,
        resolution="480p",
        generate_audio=False,
    )
    vendor.finish(task_id, film_bytes(), duration=4)
    poll_due()
    run_queue("deliver")
    assert vendor.calls_to(HOOK) == []
    keep_film(generation.pk)
    run_queue("deliver")
    [call] = vendor.calls_to(HOOK)
    assert call.json == api.task(generation.pk).json()
    assert call.json["status"] == "completed"
    assert call.json["output"]["urls"]


def test_the_headers_are_the_vendors_and_a_signature_that_verifies(
    delivery: WebhookDelivery, vendor: Vendor, team: Team
) -> None:
    sent(delivery)
    [call] = vendor.calls_to(HOOK)
    assert call.headers["content-type"] == "application/json"
    assert call.headers["x-event"] == "task.failed"
    assert call.headers["x-task-id"] == call.json["id"] == delivery.reference
    assert abs(int(call.headers["x-timestamp"]) - time.time()) < 10
    assert verified(call, team) == call.json


def verified(call: Call, team: Team) -> Any:
    team.refresh_from_db()
    return Webhook(webhook_secret(team)).verify(call.body, dict(call.headers))


def test_a_body_that_was_changed_does_not_verify(
    delivery: WebhookDelivery, vendor: Vendor, team: Team
) -> None:
    sent(delivery)
    [call] = vendor.calls_to(HOOK)
    forged = Call("POST", HOOK, call.headers, call.body.replace(b"failed", b"passed"), 1)
    with pytest.raises(WebhookVerificationError):
        verified(forged, team)


@pytest.mark.parametrize(
    "reply", [html(500), html(404), html(429), drop, reset, say(302, b"", Location="/elsewhere")]
)
def test_what_is_not_a_2xx_is_tried_again_under_the_same_id(
    delivery: WebhookDelivery, vendor: Vendor, team: Team, reply: Reply
) -> None:
    vendor.next(HOOK, reply)
    sent(delivery)
    assert (delivery.state, delivery.attempts) == (WebhookDelivery.State.PENDING, 1)
    empty_queue()
    assert (sent(delivery).state, delivery.attempts) == (WebhookDelivery.State.DELIVERED, 2)
    first, second = vendor.calls_to(HOOK)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert verified(second, team)
    assert vendor.calls_to("/elsewhere") == []


def test_a_receiver_that_hangs_is_given_up_for_now(
    delivery: WebhookDelivery, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.always(HOOK, vendor.gate().before(drop))
    with monkeypatch.context() as impatient:
        impatient.setattr("accounts.webhooks.delivery.TIMEOUT_SECONDS", 0.3)
        sent(delivery)
    vendor.always(HOOK, None)
    assert (delivery.state, delivery.response_status) == (WebhookDelivery.State.PENDING, None)
    assert delivery.response_note
    assert sent(delivery).state == WebhookDelivery.State.DELIVERED


def test_tries_go_on_for_a_day_and_then_end(delivery: WebhookDelivery, vendor: Vendor) -> None:
    vendor.always(HOOK, html(503))
    tries = 0
    while True:
        before = timezone.now()
        if sent(delivery).state != WebhookDelivery.State.PENDING:
            break
        assert delivery.next_attempt_at is not None
        least, most = RETRIES[tries], RETRIES[tries] * (1 + JITTER)
        # It was reckoned at some moment between before and now.
        assert delivery.next_attempt_at >= before + timedelta(seconds=least)
        assert delivery.next_attempt_at <= timezone.now() + timedelta(seconds=most)
        tries += 1
    assert tries == len(RETRIES)
    assert 20 * 3600 <= sum(RETRIES) <= sum(RETRIES) * (1 + JITTER) <= 24 * 3600
    assert (delivery.state, delivery.next_attempt_at) == (WebhookDelivery.State.GIVEN_UP, None)
    assert delivery.response_status == 503
    assert len(vendor.calls_to(HOOK)) == len(RETRIES) + 1
    sent(delivery)
    assert len(vendor.calls_to(HOOK)) == len(RETRIES) + 1


@pytest.mark.parametrize("times", [2, 4])
def test_p26_a_step_that_runs_again_sends_nothing(
    delivery: WebhookDelivery, vendor: Vendor, times: int
) -> None:
    for _ in range(times):
        sent(delivery)
    assert len(vendor.calls_to(HOOK)) == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_p26_of_steps_that_run_at_once_one_sends(
    alice: Membership, vendor: Vendor, hook: str
) -> None:
    make_generation(alice, State.FAILED, callback_url=hook)
    gate = vendor.gate()
    vendor.always(HOOK, gate.before(lambda exchange: exchange.send(204, b"")))

    def work(number: int) -> None:
        if number == 4:
            gate.wait()
            gate.open()
        else:
            deliver_due()

    assert race(5, work) == [None] * 5
    assert len(vendor.calls_to(HOOK)) == 1


def test_an_end_is_told_once_however_often_it_is_reported(
    delivery: WebhookDelivery, vendor: Vendor
) -> None:
    generation = Generation.objects.get()
    for _ in range(3):
        notify_ended(generation, now=timezone.now())
    run_queue("deliver")
    assert len(vendor.calls_to(HOOK)) == 1


def test_nobody_is_told_without_a_callback_url(alice: Membership) -> None:
    make_generation(alice, State.FAILED)
    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook",
        "http://localhost/hook",
        "http://10.0.0.7/hook",
        "http://169.254.169.254/latest",
        "http://[::1]/hook",
        "http://[::ffff:127.0.0.1]/hook",
        "http://0x7f.1/hook",
        "http://2130706433/hook",
        "ftp://example.com/hook",
        "https://user:pass@example.com/hook",
    ],
)
def test_p31_a_private_receiver_is_refused_at_admission(api: Api, url: str) -> None:
    reply = api.generate(callback_url=url)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_request")
    assert not Generation.objects.exists()


def test_p31_a_receiver_that_became_private_is_refused_when_connecting(
    delivery: WebhookDelivery, vendor: Vendor, settings: Settings
) -> None:
    settings.OUTBOUND_ALLOW = []
    sent(delivery)
    assert (delivery.state, vendor.calls_to(HOOK)) == (WebhookDelivery.State.PENDING, [])
    assert "not reached" in delivery.response_note or "address" in delivery.response_note


def test_p31_a_redirect_does_not_lead_inside(delivery: WebhookDelivery, vendor: Vendor) -> None:
    with running_vendor() as inside:
        vendor.next(HOOK, say(307, b"", Location=f"{inside.url}/admin"))
        sent(delivery)
        assert inside.calls == []
    assert delivery.response_status == 307


def test_p17_a_receiver_that_fails_never_touches_the_ledger(
    delivery: WebhookDelivery, vendor: Vendor
) -> None:
    before = list(Transfer.objects.order_by("pk").values())
    vendor.always(HOOK, html(500))
    for _ in range(3):
        sent(delivery)
    assert list(Transfer.objects.order_by("pk").values()) == before
    assert Generation.objects.get().state == State.FAILED


def test_a_receivers_reply_is_noted_in_short(delivery: WebhookDelivery, vendor: Vendor) -> None:
    vendor.next(HOOK, say(418, b"\0<b>no</b>" + b"x" * 100_000))
    sent(delivery)
    assert delivery.response_status == 418
    assert len(delivery.response_note) <= 300
    assert "\0" not in delivery.response_note


def test_p33_signing_secrets_are_sealed_and_survive_a_rotation(
    team: Team, charlie: Membership, settings: Settings
) -> None:
    secret = webhook_secret(team)
    assert secret.startswith("whsec_")
    assert webhook_secret(charlie.team) != secret
    assert secret not in team.webhook_secret_token
    old = settings.VAULT_KEYS
    new = f"k2:{generate_key()}"
    settings.VAULT_KEYS = f"{new},{old}"
    assert rotate_webhook_seals() == 2
    assert rotate_webhook_seals() == 0
    settings.VAULT_KEYS = new
    team.refresh_from_db()
    assert webhook_secret(team) == secret


def test_a_body_is_plain_json_of_any_language(alice: Membership, hook: str, vendor: Vendor) -> None:
    make_generation(alice, State.FAILED, callback_url=hook, error_message="提示词 “no” 🎬")
    run_queue("deliver")
    [call] = vendor.calls_to(HOOK)
    assert json.loads(call.body)["error"]["message"] == "提示词 “no” 🎬"
