"""Every mail that we write, its subject and its text letter by letter."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Team, WebhookDelivery, WebhookEndpoint
from accounts.webhooks import chosen_names
from accounts.webhooks.health import retire
from generations.approvals.service import deny, set_threshold
from generations.archive import raise_alarms, remove_outlived_films, set_retention
from generations.archive.alarms import notify_lost
from generations.lifecycle import State
from generations.limits.alerts import raise_spend_alerts
from generations.limits.service import cap
from generations.models import Film, ProviderKey
from generations.provider_keys.service import pause_provider_key, pause_refused_key
from generations.review.decide import PATIENCE, notify_long_reviews
from tests.factories import (
    PASSWORD,
    SYSTEM,
    fund,
    make_generation,
    make_limit,
    refusal,
    team_subject,
)
from tests.support.golden import assert_golden
from tests.support.steps import run_queue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]

_TOKENS = [
    (re.compile(r"(/approvals/)\S+"), r"\1…"),
    (re.compile(r"(/generations/)[0-9a-f-]{36}"), r"\1…"),
    (re.compile(r"(/webhooks/)\d+"), r"\1…"),
    (re.compile(r"(/accounts/confirm-email/)[^\s/]+"), r"\1…"),
    (re.compile(r"(/accounts/password/reset/key/)[^\s/]+"), r"\1…"),
]


def compare(name: str) -> None:
    """Compare the one mail that was sent with its golden file."""
    run_queue("mail", "ask")
    [message] = mail.outbox
    assert len(message.subject) < 60
    text = f"To: {', '.join(message.to)}\nSubject: {message.subject}\n\n{message.body}"
    for pattern, word in _TOKENS:
        text = pattern.sub(word, text)
    mail.outbox.clear()
    assert_golden(f"mails/{name}.txt", text)


def test_approval(team: Team, alice: Membership, bob: Membership) -> None:
    set_threshold(team=team, above=10, by=SYSTEM)
    make_generation(bob, prompt="A pier in the rain")
    compare("approval")


def test_approval_decided(team: Team, alice: Membership, bob: Membership) -> None:
    set_threshold(team=team, above=10, by=SYSTEM)
    generation = make_generation(bob, prompt="A pier in the rain")
    run_queue("mail", "ask")
    mail.outbox.clear()
    deny(generation, by=By.member(alice), now=timezone.now(), reason="Too much for a test")
    compare("approval_decided")


def test_budget_threshold(team: Team, alice: Membership) -> None:
    fund(team, 1_000)
    make_limit(team_subject(team), 1_500, team=team, window="day")
    for _ in range(11):
        make_generation(alice)
    raise_spend_alerts(now=timezone.now())
    compare("budget_threshold")


def test_budget_threshold_of_a_limit_without_end_that_is_used_up(
    team: Team, alice: Membership
) -> None:
    cap(team, window="total", credits=70, by=SYSTEM)
    make_generation(alice)
    raise_spend_alerts(now=timezone.now())
    compare("budget_threshold_used_up")


def test_wallet_low(team: Team, alice: Membership) -> None:
    team.accounts.filter(kind="wallet").update(low_at=1_000)
    make_generation(alice)
    raise_spend_alerts(now=timezone.now() + timedelta(seconds=1))
    compare("wallet_low")


def test_provider_key_paused_by_the_vendor(provider_key: ProviderKey, alice: Membership) -> None:
    make_generation(alice)
    pause_refused_key(provider_key, refusal(message="Out of credits."))
    compare("provider_key_paused")


def test_provider_key_paused_by_a_person(provider_key: ProviderKey, alice: Membership) -> None:
    make_generation(alice)
    pause_provider_key(provider_key, reason="We move.", by=By.member(alice))
    compare("provider_key_paused_by_a_person")


def test_review_waiting(alice: Membership, bob: Membership, noon: time_machine.Traveller) -> None:
    make_generation(alice, State.NEEDS_REVIEW, prompt="A pier in the rain")
    noon.shift(timedelta(seconds=1))
    make_generation(bob, State.NEEDS_REVIEW, prompt="A lake")
    notify_long_reviews(now=timezone.now() + PATIENCE * 2)
    compare("review_waiting")


def test_film_lost(alice: Membership) -> None:
    generation = make_generation(alice, State.COMPLETED, prompt="A pier in the rain")
    problem = "The vendor's link has expired."
    notify_lost(generation, attempt=1, problem=problem, now=timezone.now())
    compare("film_lost")


def test_film_late(alice: Membership) -> None:
    generation = make_generation(alice, State.COMPLETED, film=False, prompt="A pier in the rain")
    now = timezone.now()
    Film.objects.filter(generation=generation).update(
        state=Film.State.PENDING, created_at=now, link_expires_at=now + timedelta(hours=24)
    )
    raise_alarms(now=now + timedelta(hours=12))
    compare("film_late")


def test_film_retention_and_removal(team: Team, alice: Membership) -> None:
    make_generation(alice, State.COMPLETED)
    now = timezone.now()
    set_retention(team=team, days=30, keep_favourites=False, by=By.member(alice), now=now)
    compare("film_retention")
    remove_outlived_films(now=now + timedelta(days=25))
    compare("film_removal")


def test_webhook_endpoint_disabled(team: Team, alice: Membership) -> None:
    endpoint = WebhookEndpoint.objects.create(
        team=team, url="https://hooks.example/dailies", events=chosen_names()
    )
    retire(WebhookDelivery(team=team, endpoint=endpoint), now=timezone.now())
    compare("webhook_endpoint_disabled")


def test_new_email(alice: Membership, bob: Membership) -> None:
    browser = Client()
    browser.force_login(bob.user)
    form = {"email": alice.user.email, "password": PASSWORD}
    browser.post("/accounts/email/", form)
    compare("new_email_taken")
    browser.post("/accounts/email/", form | {"email": "bob@new.example"})
    link = re.search(r"/accounts/confirm-email/\S+", str(mail.outbox[0].body))
    assert link
    compare("new_email_confirm")
    browser.post(link[0])
    compare("new_email_changed")


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("alice@studio.example", "password_reset_key"),
        ("nobody@studio.example", "unknown_account"),
    ],
)
def test_password_reset(alice: Membership, email: str, name: str) -> None:
    Client().post("/accounts/password/reset/", {"email": email})
    compare(name)
