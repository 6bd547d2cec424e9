"""The page of keys: what is shown once, what is never shown, and who may touch what."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, AuditEvent, Membership
from billing.selectors import limits_of
from generations.models import ProviderKey
from generations.templatetags.dailies import expiry
from tests.factories import make_api_key, make_provider_key
from tests.generations.portal.conftest import SignIn

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
SECRET = "sk-upstream-0123456789-secret"


def test_an_api_key_is_shown_once_and_kept_by_its_digest(bob: Membership, sign_in: SignIn) -> None:
    client = sign_in(bob)
    reply = client.post(
        "/keys/api/", {"label": "Farm", "daily": "100", "hourly": "10"}, headers=HTMX
    )
    text = reply.context["issued_text"]
    assert text in reply.content.decode()
    assert "no-store" in reply["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.owner, key.team, key.label) == (bob.user, bob.team, "Farm")
    assert [(use.limit.window, use.limit.credits) for use in limits_of("api_key", key.pk)] == [
        ("hour", 10),
        ("day", 100),
    ]
    assert text not in client.get("/keys/").content.decode()


def test_a_key_takes_its_days_addresses_and_rate(bob: Membership, sign_in: SignIn) -> None:
    last_day = timezone.localdate() + timedelta(days=3)
    form = {
        "label": "Farm",
        "expires_on": last_day.isoformat(),
        "allowed_networks": "203.0.113.7, 10.0.0.0/8\n2001:db8::/32",
        "requests_per_minute": "30",
    }
    sign_in(bob).post("/keys/api/", form)
    key = ApiKey.objects.get()
    assert key.allowed_networks == ["203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32"]
    assert key.requests_per_minute == 30
    assert key.expires_at is not None
    assert timezone.localdate(key.expires_at) == last_day + timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"label": ""}, "label"),
        ({"allowed_networks": "10.0.0.300"}, "allowed_networks"),
        ({"allowed_networks": " ".join(f"10.0.0.{n}" for n in range(11))}, "allowed_networks"),
        ({"expires_on": "2020-01-01"}, "expires_on"),
        ({"expires_on": "3000-01-01"}, "expires_on"),
        ({"expires_on": "9999-12-31"}, "expires_on"),
        ({"daily": "-1"}, "daily"),
        ({"requests_per_minute": "0"}, "requests_per_minute"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_made(
    bob: Membership, sign_in: SignIn, changes: dict[str, str], field: str
) -> None:
    form = {"label": "Kept words", **changes}
    reply = sign_in(bob).post("/keys/api/", form, headers=HTMX)
    assert list(reply.context["api_key_form"].errors) == [field]
    if "label" not in changes:
        assert b"Kept words" in reply.content
    assert ApiKey.objects.count() == 0


def test_members_see_their_own_keys_and_managers_everybodys(
    alice: Membership, bob: Membership, manager: Membership, sign_in: SignIn
) -> None:
    make_api_key(alice, label="Of Alice")
    make_api_key(bob, label="Of Bob")
    seen_by_bob = sign_in(bob).get("/keys/").content
    assert (b"Of Bob" in seen_by_bob, b"Of Alice" in seen_by_bob) == (True, False)
    seen_by_manager = sign_in(manager).get("/keys/").content
    assert (b"Of Bob" in seen_by_manager, b"Of Alice" in seen_by_manager) == (True, True)


def test_a_key_is_switched_off_on_and_deleted(bob: Membership, sign_in: SignIn) -> None:
    key, client = make_api_key(bob).key, sign_in(bob)
    client.post(f"/keys/api/{key.pk}/switch/", {})
    assert not ApiKey.objects.get().enabled
    client.post(f"/keys/api/{key.pk}/switch/", {"enable": "1"})
    assert ApiKey.objects.get().enabled
    for _ in range(2):
        client.post(f"/keys/api/{key.pk}/delete/")
    assert ApiKey.objects.get().deleted_at is not None
    assert (
        AuditEvent.objects.filter(action="api_key.deleted", actor=f"user:{bob.user_id}").count()
        == 1
    )


@pytest.mark.parametrize("act", ["switch", "delete"])
def test_p32_nobody_touches_a_colleagues_or_a_strangers_api_key(
    alice: Membership, bob: Membership, charlie: Membership, sign_in: SignIn, act: str
) -> None:
    client = sign_in(bob)
    for key_id in (make_api_key(alice).key.pk, make_api_key(charlie).key.pk, 10**6):
        assert client.post(f"/keys/api/{key_id}/{act}/").status_code == 404
    assert ApiKey.objects.filter(enabled=True, deleted_at=None).count() == 2


def test_p33_a_provider_key_is_vaulted_and_never_shown(bob: Membership, sign_in: SignIn) -> None:
    client = sign_in(bob)
    client.post("/keys/provider/", {"secret": SECRET, "label": "Mine", "scope": "own"})
    key = ProviderKey.objects.get(owner=bob.user)
    assert SECRET not in key.secret_token
    page = client.get("/keys/").content.decode()
    assert SECRET not in page
    assert f"…{SECRET[-4:]}" in page


def test_p33_a_refused_secret_is_not_sent_back(bob: Membership, sign_in: SignIn) -> None:
    form = {"secret": "wrong-start-0123456789", "label": "Kept words", "scope": "own"}
    page = sign_in(bob).post("/keys/provider/", form).content.decode()
    assert "A provider key starts with" in page
    assert "Kept words" in page
    assert "wrong-start" not in page


def test_a_second_key_of_ones_own_is_refused_in_words(bob: Membership, sign_in: SignIn) -> None:
    make_provider_key(bob.team, bob.user)
    form = {"secret": SECRET, "scope": "own"}
    assert b"already" in sign_in(bob).post("/keys/provider/", form).content
    assert ProviderKey.objects.filter(owner=bob.user).count() == 1


def test_only_managers_touch_the_teams_provider_key(
    bob: Membership, manager: Membership, provider_key: ProviderKey, sign_in: SignIn
) -> None:
    for act in ("resume", "delete"):
        reply = sign_in(bob).post(f"/keys/provider/{provider_key.pk}/{act}/")
        assert reply.status_code == 403
    assert ProviderKey.objects.get(pk=provider_key.pk).state == "active"
    sign_in(manager).post(f"/keys/provider/{provider_key.pk}/delete/")
    assert ProviderKey.objects.get(pk=provider_key.pk).state == "sealed"
    form = {"secret": SECRET, "scope": "team"}
    assert (
        b"It takes permission to manage all API keys"
        in sign_in(bob).post("/keys/provider/", form).content
    )
    sign_in(manager).post("/keys/provider/", form)
    assert ProviderKey.objects.filter(team=bob.team, owner=None, state="active").count() == 1


def test_a_paused_key_says_why_and_is_resumed(
    manager: Membership, provider_key: ProviderKey, sign_in: SignIn
) -> None:
    ProviderKey.objects.filter(pk=provider_key.pk).update(
        state="paused",
        pause_reason="refused",
        pause_code="insufficient_credits",
        pause_note="top up.",
        next_probe_at=timezone.now(),
    )
    client = sign_in(manager)
    assert b"has too few credits left" in client.get("/keys/").content
    client.post(f"/keys/provider/{provider_key.pk}/resume/")
    assert ProviderKey.objects.get(pk=provider_key.pk).state == "active"


def test_p32_a_strangers_provider_key_is_not_found(
    alice: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    theirs = ProviderKey.objects.get(team=charlie.team)
    client = sign_in(alice)
    for act in ("resume", "delete"):
        for key_id in (theirs.pk, 10**6):
            assert client.post(f"/keys/provider/{key_id}/{act}/").status_code == 404


def test_a_viewer_finds_an_explanation_and_no_form(viewer: Membership, sign_in: SignIn) -> None:
    client = sign_in(viewer)
    page = client.get("/keys/").content.decode()
    assert "Keys are for members" in page
    assert "<form" not in page.partition("<main")[2].partition("</main>")[0]
    for path in ("/keys/api/", "/keys/provider/"):
        assert client.post(path, {"label": "x", "secret": SECRET}).status_code == 403
    assert ApiKey.objects.count() == 0


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    for path in ("/keys/", "/generations/x/"):
        assert client.get(path)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("where", ["page", "audit"])
def test_f15_a_key_pasted_into_a_reason_is_masked(
    alice: Membership, sign_in: SignIn, provider_key: ProviderKey, where: str
) -> None:
    client = sign_in(alice)
    pasted = "sk-0123456789pasted"
    client.post(f"/keys/provider/{provider_key.pk}/pause/", {"reason": f"{pasted} is\0 spent"})
    provider_key.refresh_from_db()
    assert provider_key.pause_note == "sk-…sted is spent"
    event = AuditEvent.objects.get(action="provider_key.paused")
    shown = client.get("/keys/").content.decode() if where == "page" else event.reason
    assert "sk-…sted is spent" in shown
    assert pasted not in shown


def test_f12_a_reason_of_nothing_visible_is_none(
    alice: Membership, sign_in: SignIn, provider_key: ProviderKey
) -> None:
    sign_in(alice).post(f"/keys/provider/{provider_key.pk}/pause/", {"reason": "\u200b"})
    provider_key.refresh_from_db()
    assert provider_key.pause_note == "No reason given."


def test_f12_an_api_key_needs_a_name_that_can_be_seen(bob: Membership, sign_in: SignIn) -> None:
    page = sign_in(bob).post("/keys/api/", {"label": "\u200b\u3164"}).content.decode()
    assert "Enter some visible text." in page
    assert not ApiKey.objects.exists()


def test_a_key_is_paused_by_hand_with_its_reason_and_resumed(
    alice: Membership, sign_in: SignIn, provider_key: ProviderKey
) -> None:
    client = sign_in(alice)
    client.post(f"/keys/provider/{provider_key.pk}/pause/", {"reason": "End of the month"})
    provider_key.refresh_from_db()
    assert (provider_key.state, provider_key.next_probe_at) == ("paused", None)
    page = client.get("/keys/").content.decode()
    assert "Paused by hand: End of the month." in page
    assert "turned this key away" not in page
    client.post(f"/keys/provider/{provider_key.pk}/resume/")
    provider_key.refresh_from_db()
    assert provider_key.state == "active"
    actions = AuditEvent.objects.filter(
        subject_kind="provider_key", subject_id=str(provider_key.pk)
    )
    assert {one.action for one in actions} >= {"provider_key.paused", "provider_key.resumed"}


def test_a_key_takes_its_cap_and_its_rate(
    alice: Membership, sign_in: SignIn, provider_key: ProviderKey
) -> None:
    client = sign_in(alice)
    path = f"/keys/provider/{provider_key.pk}/send-rate/"
    client.post(path, {"max_in_flight": "7", "per_minute": "30"})
    provider_key.refresh_from_db()
    assert (provider_key.max_in_flight, provider_key.per_minute) == (7, 30)
    event = AuditEvent.objects.get(action="provider_key.send_rate_set")
    assert (event.actor, event.data) == (
        f"user:{alice.user_id}",
        {"max_in_flight": 7, "per_minute": 30},
    )
    for wrong in ("0", "", "10001", "-3", "many"):
        reply = client.post(path, {"max_in_flight": wrong, "per_minute": ""})
        assert "max_in_flight" in reply.context["shared_keys"][0].send_rate_form.errors
    client.post(path, {"max_in_flight": "7", "per_minute": ""})
    provider_key.refresh_from_db()
    assert (provider_key.max_in_flight, provider_key.per_minute) == (7, None)


@pytest.mark.parametrize("act", ["pause", "send-rate", "resume", "delete"])
def test_a_member_may_do_it_with_their_own_key_and_not_with_the_teams(
    bob: Membership, charlie: Membership, sign_in: SignIn, provider_key: ProviderKey, act: str
) -> None:
    own = make_provider_key(bob.team, bob.user)
    form = {"max_in_flight": "3", "per_minute": ""}
    assert sign_in(bob).post(f"/keys/provider/{own.pk}/{act}/", form).status_code == 302
    assert sign_in(bob).post(f"/keys/provider/{provider_key.pk}/{act}/", form).status_code == 403
    for key in (own, provider_key):
        assert sign_in(charlie).post(f"/keys/provider/{key.pk}/{act}/", form).status_code == 404
    provider_key.refresh_from_db()
    assert (provider_key.state, provider_key.max_in_flight) == ("active", 1000)


def test_a_vendors_key_starts_with_twenty_at_once(bob: Membership, sign_in: SignIn) -> None:
    sign_in(bob).post("/keys/provider/", {"scope": "own", "secret": SECRET})
    assert ProviderKey.objects.get(owner=bob.user).max_in_flight == 20


def test_f12_an_expiry_is_shown_as_the_last_day_that_was_typed(
    bob: Membership, sign_in: SignIn
) -> None:
    last_day = timezone.localdate() + timedelta(days=3)
    client = sign_in(bob)
    client.post("/keys/api/", {"label": "Farm", "expires_on": last_day.isoformat()})
    assert f"expires {last_day:%-d %b %Y}\n" in client.get("/keys/").content.decode()
    key = ApiKey.objects.get()
    assert key.expires_at is not None
    assert expiry(key.expires_at - timedelta(minutes=30)) == f"{last_day:%-d %b %Y}, 23:30 UTC"
