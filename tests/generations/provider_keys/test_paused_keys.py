"""A provider key that the vendor turns away: its owner hears of it, once a story."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import Membership, Notice, WebhookDelivery
from accounts.selectors import notices_for
from accounts.webhooks.endpoints import add_endpoint
from generations.models import ProviderKey
from generations.provider_keys.service import (
    note_key_works,
    pause_refused_key,
    resume_provider_key,
)
from tests.factories import SYSTEM, make_generation, make_provider_key, refusal
from tests.support.sending import send_all
from tests.support.steps import run_queue
from tests.support.vendor import Vendor, refuse

pytestmark = pytest.mark.django_db


def titles(member: Membership) -> list[str]:
    return [notice.title for notice in notices_for(member)]


def pause(key: ProviderKey, code: str = "insufficient_credits", message: str = "Empty.") -> bool:
    return pause_refused_key(key, refusal(code, message))


def test_the_owner_of_a_key_is_told(
    alice: Membership, bob: Membership, provider_key: ProviderKey
) -> None:
    key = make_provider_key(bob.team, bob.user)
    make_generation(bob)
    assert pause(key)
    (notice,) = notices_for(bob)
    assert notice.title == f"Provider key …{key.last4} is paused"
    assert "Empty." in notice.body
    assert "insufficient_credits" not in notice.body
    assert "(1 now)" in notice.body
    assert titles(alice) == []


def test_the_managers_are_told_of_the_shared_one(
    alice: Membership, bob: Membership, provider_key: ProviderKey
) -> None:
    pause(provider_key)
    assert len(titles(alice)) == 1
    assert titles(bob) == []


def test_paused_again_at_once_says_nothing_new(
    alice: Membership, provider_key: ProviderKey
) -> None:
    stale = ProviderKey.objects.get(pk=provider_key.pk)
    for _ in range(3):
        assert pause(ProviderKey.objects.get(pk=stale.pk))
        assert resume_provider_key(stale, by=SYSTEM, now=timezone.now())
    assert pause(stale)  # read before the first pause
    assert len(titles(alice)) == 1


def test_after_it_worked_it_is_news(alice: Membership, provider_key: ProviderKey) -> None:
    for _ in range(2):
        pause(provider_key)
        resume_provider_key(provider_key, by=SYSTEM, now=timezone.now())
        note_key_works(provider_key, now=timezone.now())
        provider_key.refresh_from_db()
    assert len(titles(alice)) == 2


def test_after_a_day_it_is_said_again(alice: Membership, provider_key: ProviderKey) -> None:
    pause(provider_key)
    Notice.objects.update(created_at=timezone.now() - timedelta(hours=25))
    resume_provider_key(provider_key, by=SYSTEM, now=timezone.now())
    pause(provider_key)
    assert len(titles(alice)) == 2


def test_resuming_says_nothing(alice: Membership, provider_key: ProviderKey) -> None:
    pause(provider_key)
    resume_provider_key(provider_key, by=SYSTEM, now=timezone.now())
    assert len(titles(alice)) == 1


def test_p33_a_key_in_the_vendors_words_is_hidden(
    alice: Membership, provider_key: ProviderKey
) -> None:
    add_endpoint(
        team=alice.team,
        url="https://hooks.example/",
        events=["provider_key.paused"],
        by=SYSTEM,
    )
    pause(provider_key, "invalid_api_key", "sk-live-very-secret-words is unknown")
    run_queue("mail")
    said = Notice.objects.get().body + mail.outbox[0].body + WebhookDelivery.objects.get().body
    assert "very-secret" not in said
    assert "sk-…" in said


def test_a_refused_job_pauses_its_key_and_the_owner_hears_of_it(
    alice: Membership, provider_key: ProviderKey, vendor: Vendor
) -> None:
    vendor.always("/v1/videos/generations", refuse(402, "insufficient_credits", "Top up."))
    make_generation(alice)
    send_all()
    assert titles(alice) == [f"Provider key …{provider_key.last4} is paused"]
