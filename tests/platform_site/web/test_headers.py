"""What every answer says about caches, other origins and the browser's powers, and about TLS."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import ProviderKey
from platform_site import settings as site
from platform_site.web.headers import TrustedProxyMiddleware
from tests.factories import make_generation, make_user

pytestmark = pytest.mark.django_db

PAGES = ["/", "/keys/", "/reports/", "/reports/report.csv", "/budgets/", "/webhooks/", "/archive/"]
ANYBODYS = ["/accounts/login/", "/nope", "/healthz", "/v1/credits", "/admin/login/", "/callbacks/x"]


@pytest.mark.parametrize("path", PAGES)
def test_f17_what_one_person_may_see_is_kept_by_no_cache(alice: Membership, path: str) -> None:
    client = Client()
    client.force_login(alice.user)
    reply = client.get(path)
    assert reply.status_code == 200
    assert "no-store" in reply["Cache-Control"]


def test_f17_receipts_and_the_administration_neither(
    alice: Membership, provider_key: ProviderKey
) -> None:
    generation = make_generation(alice, State.COMPLETED)
    person, admin = Client(), Client()
    person.force_login(alice.user)
    admin.force_login(make_user(admin=True))
    replies = [
        person.get(f"/generations/{generation.pk}/"),
        person.get(f"/generations/{generation.pk}/receipt/"),
        person.get(f"/generations/{generation.pk}/receipt.json"),
        person.get("/feed/"),
        admin.get("/admin/"),
        admin.get("/admin/generations/generation/"),
    ]
    for reply in replies:
        assert reply.status_code == 200
        assert "no-store" in reply["Cache-Control"]


@pytest.mark.parametrize("path", [*PAGES, *ANYBODYS])
def test_f17_every_answer_gives_up_powers_and_stays_with_its_origin(path: str) -> None:
    for client in (Client(), Client(HTTP_HOST="evil.example")):
        reply = client.get(path)
        assert "camera=()" in reply["Permissions-Policy"]
        assert reply["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "no-store" in reply["Cache-Control"]
        assert reply["X-Content-Type-Options"] == "nosniff"


def test_f17_hsts_speaks_for_this_host_alone(settings: Any) -> None:
    assert not getattr(site, "SECURE_HSTS_INCLUDE_SUBDOMAINS", False)
    assert not getattr(site, "SECURE_HSTS_PRELOAD", False)
    settings.SECURE_HSTS_SECONDS = 31_536_000
    assert Client().get("/healthz", secure=True)["Strict-Transport-Security"] == "max-age=31536000"


def seen_as(peer: str, proxies: list[str], settings: Any, **headers: str) -> str:
    """Return the scheme that the site sees in a request of this peer."""
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory(REMOTE_ADDR=peer).get("/", headers=headers)
    seen: list[str | None] = []

    def answer(asked: HttpRequest) -> HttpResponse:
        seen.append(asked.scheme)
        return HttpResponse()

    TrustedProxyMiddleware(answer)(request)
    return seen[0] or ""


@pytest.mark.parametrize(
    ("peer", "proxies", "scheme"),
    [
        ("10.0.0.5", ["10.0.0.0/8"], "https"),
        ("::ffff:10.0.0.5", ["10.0.0.5"], "https"),
        ("fd00::5", ["fd00::/8"], "https"),
        ("203.0.113.9", ["10.0.0.0/8"], "http"),
        ("10.0.0.6", ["10.0.0.5"], "http"),
        ("127.0.0.1", [], "http"),
        ("", ["10.0.0.0/8"], "http"),
    ],
)
def test_f10_only_a_trusted_proxy_says_that_a_request_came_by_tls(
    settings: Any, peer: str, proxies: list[str], scheme: str
) -> None:
    assert seen_as(peer, proxies, settings, **{"X-Forwarded-Proto": "https"}) == scheme
    assert seen_as(peer, proxies, settings, **{"X-Forwarded-Proto": "http"}) == "http"
    assert seen_as(peer, proxies, settings) == "http"


def test_f10_a_strangers_word_sets_no_hsts_and_a_proxys_does(settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    for peer, believed in (("10.0.0.5", True), ("203.0.113.9", False)):
        reply = Client(REMOTE_ADDR=peer).get("/healthz", headers={"X-Forwarded-Proto": "https"})
        assert ("Strict-Transport-Security" in reply) is believed
