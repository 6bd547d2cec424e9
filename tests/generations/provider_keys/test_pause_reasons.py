"""Why a key is paused is data, which neither a failed probe nor the vendor's words change."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Notice
from generations.admin.provider_keys import why_paused
from generations.models import PauseReason, ProviderKey
from generations.portal.words import pause_of
from generations.provider_keys.service import (
    delete_provider_key,
    pause_provider_key,
    pause_refused_key,
    probe_provider_key,
    resume_provider_key,
)
from tests.factories import SYSTEM, make_generation, make_user, refusal
from tests.support.ports import free_port
from tests.support.races import race
from tests.support.sending import send_now
from tests.support.vendor import CREATE, CREDITS, Vendor, html, refuse

pytestmark = pytest.mark.django_db

Break = Callable[[ProviderKey, Vendor], None]


def refuse_connections(key: ProviderKey, _vendor: Vendor) -> None:
    ProviderKey.objects.filter(pk=key.pk).update(endpoint=f"http://127.0.0.1:{free_port()}")


def answer_by_proxy(_key: ProviderKey, vendor: Vendor) -> None:
    vendor.always(CREDITS, html(502))


def disown_the_key(_key: ProviderKey, vendor: Vendor) -> None:
    vendor.always(CREDITS, refuse(401, "invalid_api_key", "Who are you?"))


FAILURES = {
    refuse_connections: "Not reached: ConnectError.",
    answer_by_proxy: "HTTP 502 without the vendor's envelope.",
    disown_the_key: "Who are you?",
}


def fresh(key: ProviderKey) -> ProviderKey:
    return ProviderKey.objects.get(pk=key.pk)


def seen_by_admin(key: ProviderKey) -> tuple[str, str]:
    """Return the key's own page and the first page, to an administrator."""
    browser = Client()
    browser.force_login(make_user(admin=True), backend="accounts.sign_in.backend.EmailBackend")
    pages = reverse("admin:generations_providerkey_change", args=[key.pk]), reverse("admin:index")
    first, second = (browser.get(page).content.decode() for page in pages)
    return first, second


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.__name__)
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (402, "insufficient_credits", "its account at the vendor has too few credits left."),
        (401, "invalid_api_key", "the vendor does not know the key, or has disabled it."),
        (403, "ip_not_allowed", "the vendor does not accept the key from this server's address."),
        (429, "spend_limit_exceeded", "it has reached the spend limit that it has at the vendor."),
        (403, "a_word_we_never_heard", "See to it."),
        (403, "by_hand", "See to it."),
    ],
)
def test_f15_a_refused_key_is_explained_by_its_refusal_however_often_probes_fail(
    alice: Membership,
    provider_key: ProviderKey,
    vendor: Vendor,
    failure: Break,
    status: int,
    code: str,
    words: str,
) -> None:
    make_generation(alice)
    vendor.next(CREATE, refuse(status, code, "See to it."))
    send_now()
    problems = []
    for _ in range(3):
        key = fresh(provider_key)
        assert (key.pause_reason, key.pause_code) == (PauseReason.REFUSED, code)
        assert pause_of(key) == words
        assert f"{code}: See to it." in why_paused(key)
        problems.append(key.probe_problem)
        failure(key, vendor)
        probe_provider_key(key.pk)
    assert problems == ["", FAILURES[failure], FAILURES[failure]]


@pytest.mark.parametrize("probes", [0, 1, 2])
def test_f15_the_pages_say_why_a_key_is_paused_and_the_admin_how_the_last_probe_went(
    alice: Membership, provider_key: ProviderKey, vendor: Vendor, probes: int
) -> None:
    pause_refused_key(provider_key, refusal("ip_not_allowed", "Not from there."))
    answer_by_proxy(provider_key, vendor)
    for _ in range(probes):
        probe_provider_key(provider_key.pk)
    member = Client()
    member.force_login(alice.user, backend="accounts.sign_in.backend.EmailBackend")
    page = member.get("/keys/").content.decode()
    assert "The vendor turned this key away: the vendor does not accept the key" in page
    assert "does not accept the key" in member.get("/").content.decode()
    shown, panel = seen_by_admin(provider_key)
    for told in (shown, panel):
        assert "ip_not_allowed: Not from there." in told
    assert ("HTTP 502 without" in shown) == (probes > 0)


def test_f15_a_persons_pause_is_by_hand_whatever_they_write(
    alice: Membership, provider_key: ProviderKey
) -> None:
    pause_provider_key(provider_key, reason="insufficient_credits: mine", by=SYSTEM)
    key = fresh(provider_key)
    assert (key.pause_reason, key.pause_code) == (PauseReason.BY_HAND, "")
    assert pause_of(key) == "by hand: insufficient_credits: mine."
    assert "turned" not in Notice.objects.get().body


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("works", [True, False])
def test_f15_p36_a_probe_under_way_leaves_a_persons_pause_alone(
    provider_key: ProviderKey, vendor: Vendor, works: bool
) -> None:
    pause_refused_key(provider_key, refusal())
    gate = vendor.gate()
    vendor.next(CREDITS, gate.before(vendor._usual if works else html(502)))

    def work(number: int) -> None:
        if number == 0:
            probe_provider_key(provider_key.pk)
            return
        gate.wait()
        resume_provider_key(provider_key, by=SYSTEM, now=timezone.now())
        pause_provider_key(provider_key, reason="Holiday", by=SYSTEM)
        gate.open()

    assert race(2, work) == [None, None]
    key = fresh(provider_key)
    assert (key.state, key.pause_note) == (ProviderKey.State.PAUSED, "Holiday")
    assert (key.next_probe_at, key.probe_problem) == (None, "")
    probe_provider_key(key.pk)
    assert fresh(key).state == ProviderKey.State.PAUSED
    assert len(vendor.calls_to(CREDITS)) == 1


@pytest.mark.parametrize("by_hand", [True, False])
def test_f15_a_key_that_is_resumed_or_deleted_keeps_no_reason(
    provider_key: ProviderKey, vendor: Vendor, by_hand: bool
) -> None:
    def pause() -> None:
        if by_hand:
            pause_provider_key(provider_key, reason="Holiday", by=SYSTEM)
        else:
            pause_refused_key(provider_key, refusal())
            answer_by_proxy(provider_key, vendor)
            probe_provider_key(provider_key.pk)

    def said() -> str:
        key = fresh(provider_key)
        return key.pause_reason + key.pause_code + key.pause_note + key.probe_problem

    pause()
    assert said()
    resume_provider_key(provider_key, by=SYSTEM, now=timezone.now())
    assert said() == ""
    pause()
    delete_provider_key(provider_key, by=SYSTEM)
    assert said() == ""
