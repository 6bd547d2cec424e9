"""Notices, webhook endpoints and the vendor's meter: what people are told, and their answers."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent, Membership, NoticeKind, WebhookEndpoint
from accounts.notices.service import notify
from accounts.roles import Permission
from accounts.selectors import webhook_endpoints_for
from accounts.webhooks.events import chosen_names
from accounts.webhooks.secrets import webhook_secret
from generations.models import Discrepancy, ProviderKey, UsageSample
from tests.factories import make_generation, make_provider_key
from tests.generations.portal.conftest import SignIn

pytestmark = pytest.mark.django_db


def tell(member: Membership, title: str, *, managers: bool = False) -> None:
    notify(
        team=member.team,
        audience=Permission.LIMITS if managers else member.user,
        kind=NoticeKind.BUDGET_THRESHOLD,
        title=title,
        body="One.\n\nTwo <b>.",
        key=f"{title}:{member.pk}",
        path="/budgets/#limits",
        now=timezone.now(),
    )


def unread(client: Client) -> int:
    count: int = client.get("/notices/").context["unread"]
    return count


def test_notices_are_counted_shown_and_read(
    bob: Membership, manager: Membership, sign_in: SignIn
) -> None:
    tell(bob, "Your limit")
    tell(manager, "For managers", managers=True)
    client = sign_in(bob)
    page = client.get("/notices/").content.decode()
    assert "Your limit" in page
    assert "For managers" not in page
    assert "Two &lt;b&gt;." in page
    assert 'href="/budgets/#limits"' in page
    assert "1 unread" in page
    newest = client.get("/notices/").context["notices"][0].pk
    assert unread(client) == 1  # looking is not reading
    client.post("/notices/read/", {"up_to": newest})
    assert unread(client) == 0
    assert "For managers" in sign_in(manager).get("/notices/").content.decode()


def test_what_comes_meanwhile_stays_unread(bob: Membership, sign_in: SignIn) -> None:
    client = sign_in(bob)
    tell(bob, "First")
    newest = client.get("/notices/").context["notices"][0].pk
    tell(bob, "Second")
    client.post("/notices/read/", {"up_to": newest})
    assert unread(client) == 1
    for wrong in ("", "x", "9" * 30, "-1"):
        assert client.post("/notices/read/", {"up_to": wrong}).status_code == 302
    assert unread(client) == 1


def test_no_number_reads_what_is_yet_to_come(bob: Membership, sign_in: SignIn) -> None:
    client = sign_in(bob)
    tell(bob, "First")
    client.post("/notices/read/", {"up_to": "999999999"})
    tell(bob, "Second")
    assert unread(client) == 1


def test_earlier_notices_come_page_by_page(bob: Membership, sign_in: SignIn) -> None:
    for number in range(35):
        tell(bob, f"Number {number}.")
    client = sign_in(bob)
    first = client.get("/notices/")
    rest = client.get(f"/notices/?before={first.context['more']}")
    assert [len(reply.context["notices"]) for reply in (first, rest)] == [30, 5]
    assert rest.context["more"] is None


def test_p32_strangers_see_none_of_it(
    bob: Membership, charlie: Membership, sign_in: SignIn, client: Client
) -> None:
    tell(bob, "Your limit")
    assert "Your limit" not in sign_in(charlie).get("/notices/").content.decode()
    assert client.get("/notices/").status_code == 302


ENDPOINT = {"url": "https://203.0.113.5/hook", "events": ["wallet.low", "approval.asked"]}


def test_an_endpoint_is_added_switched_and_removed(manager: Membership, sign_in: SignIn) -> None:
    client = sign_in(manager)
    form = ENDPOINT | {"url": "https://hooks.example.com/d"}
    assert client.post("/webhooks/add/", form).status_code == 302
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.events == ["approval.asked", "wallet.low"]
    assert "https://hooks.example.com/d" in client.get("/webhooks/").content.decode()
    client.post(f"/webhooks/{endpoint.pk}/switch/", {})
    assert not WebhookEndpoint.objects.get().enabled
    client.post(f"/webhooks/{endpoint.pk}/switch/", {"enable": "1"})
    assert WebhookEndpoint.objects.get().enabled
    client.post(f"/webhooks/{endpoint.pk}/remove/")
    assert not webhook_endpoints_for(manager).exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": ""}, "url"),
        ({"events": []}, "events"),
        ({"events": ["nonsense"]}, "events"),
    ],
)
def test_a_wrong_endpoint_is_refused_beside_its_field(
    manager: Membership, sign_in: SignIn, changes: dict[str, object], field: str
) -> None:
    form = {"url": "https://hooks.example.com/d", "events": chosen_names()} | changes
    reply = sign_in(manager).post("/webhooks/add/", form)
    assert list(reply.context["form"].errors) == [field]
    assert not WebhookEndpoint.objects.exists()


def test_p33_the_secret_is_shown_on_request_and_that_is_recorded(
    manager: Membership, sign_in: SignIn
) -> None:
    client, secret = sign_in(manager), webhook_secret(manager.team)
    assert secret not in client.get("/webhooks/").content.decode()
    reply = client.post("/webhooks/secret/")
    assert secret in reply.content.decode()
    assert "no-store" in reply["Cache-Control"]
    shown = AuditEvent.objects.get(action="webhook_secret.shown")
    assert (shown.actor, shown.team) == (f"user:{manager.user_id}", manager.team)
    assert secret not in str(shown.data)


def test_webhooks_are_for_who_manages_keys(
    bob: Membership, manager: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    theirs = WebhookEndpoint.objects.create(
        team=charlie.team, url="https://a.example", events=["wallet.low"]
    )
    member, stranger = sign_in(bob), sign_in(manager)
    assert member.get("/webhooks/").status_code == 403
    assert "/webhooks/" not in member.get("/keys/").content.decode()
    for path in ("/webhooks/add/", "/webhooks/secret/", f"/webhooks/{theirs.pk}/remove/"):
        assert member.post(path).status_code == 403
    for pk in (theirs.pk, 987654):
        assert stranger.post(f"/webhooks/{pk}/remove/").status_code == 404
        assert stranger.post(f"/webhooks/{pk}/switch/").status_code == 404
    assert WebhookEndpoint.objects.get().enabled


def discrepancy_of(key: ProviderKey, credits: int = 70, **more: object) -> Discrepancy:
    now = timezone.now()
    facts = {"verdict": "unknown_submit", "detail": "One submit costs exactly this."} | more
    return Discrepancy.objects.create(
        provider_key=key,
        since=now - timedelta(hours=1),
        opened_at=now,
        seen_at=now,
        credits=credits,
        **facts,
    )


def sample_of(key: ProviderKey, verdict: str) -> None:
    UsageSample.objects.create(
        provider_key=key,
        taken_at=timezone.now(),
        charged=0,
        refunded=0,
        in_flight=0,
        unknown=0,
        stable=True,
        is_baseline=True,
        verdict=verdict,
    )


def test_a_key_that_agrees_with_the_meter_says_so(
    bob: Membership, provider_key: ProviderKey, sign_in: SignIn
) -> None:
    client = sign_in(bob)
    assert "has not been read yet" in client.get("/keys/").content.decode()
    sample_of(provider_key, "agrees")
    assert "Matches the vendor’s usage" in client.get("/keys/").content.decode()


def test_a_discrepancy_is_told_with_its_films_and_accepted_with_a_reason(
    manager: Membership, bob: Membership, provider_key: ProviderKey, sign_in: SignIn
) -> None:
    client, member = sign_in(manager), sign_in(bob)
    film = make_generation(bob, prompt="A heron waits")
    discrepancy = discrepancy_of(provider_key, candidates=[str(film.id), "17", "nonsense"])
    page = " ".join(client.get("/keys/").content.decode().split())
    assert "reports 70 credits more than our books" in page
    assert "A film with an unknown outcome was probably charged" in page
    assert f'href="/generations/{film.id}/"' in page
    path = f"/keys/discrepancies/{discrepancy.pk}/accept/"
    assert "more than our books" in member.get("/keys/").content.decode()
    assert path not in member.get("/keys/").content.decode()
    assert member.post(path, {"reason": "I say so"}).status_code == 403
    assert "Enter a reason." in client.post(path, {"reason": " "}).content.decode()
    assert Discrepancy.objects.get().is_open
    client.post(path, {"reason": "Used by hand in their console"})
    discrepancy.refresh_from_db()
    assert (discrepancy.is_open, discrepancy.closed_by) == (False, f"user:{manager.user_id}")
    assert client.post(path, {"reason": "Again"}).status_code == 404


def test_a_deleted_keys_discrepancy_stays_until_it_is_explained(
    manager: Membership, provider_key: ProviderKey, sign_in: SignIn
) -> None:
    discrepancy_of(provider_key, -30)
    ProviderKey.objects.filter(pk=provider_key.pk).update(state="sealed")
    page = " ".join(sign_in(manager).get("/keys/").content.decode().split())
    assert "Deleted, with an open discrepancy." in page
    assert "reports 30 credits fewer than our books" in page


def test_p32_nobody_sees_or_accepts_a_colleagues_or_a_strangers_discrepancy(
    bob: Membership, manager: Membership, charlie: Membership, sign_in: SignIn
) -> None:
    client = sign_in(manager)
    discrepancies = [
        discrepancy_of(make_provider_key(bob.team, bob.user)),
        discrepancy_of(make_provider_key(charlie.team, charlie.user)),
    ]
    assert "more than our books" not in client.get("/keys/").content.decode()
    for pk in (*(one.pk for one in discrepancies), 987654):
        reply = client.post(f"/keys/discrepancies/{pk}/accept/", {"reason": "Mine"})
        assert reply.status_code == 404
    assert Discrepancy.objects.filter(closed_at=None).count() == 2
    own = sign_in(bob)
    own.post(
        f"/keys/discrepancies/{discrepancies[0].pk}/accept/", {"reason": "I used it elsewhere"}
    )
    assert Discrepancy.objects.filter(closed_at=None).count() == 1
