"""Where people are sent on after signing in: to this site, whatever an address says."""

import pytest
from django.test import Client

from tests.factories import make_user

pytestmark = pytest.mark.django_db
PAGES = (
    *("/accounts/login/", "/accounts/logout/", "/accounts/signup/", "/accounts/password/reset/"),
    *("/accounts/password/change/", "/accounts/reauthenticate/", "/admin/login/"),
)
NO_URLS = ("http://[", "//[", "http://[::1", "https://a]b", "\0", "\ud83d", "x" * 3_000, "//")


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("url", NO_URLS, ids=lambda url: ascii(url)[:14])
def test_f17_a_next_address_that_is_none_is_left(*, url: str, signed_in: bool) -> None:
    client = Client(raise_request_exception=False)
    if signed_in:
        client.force_login(make_user(admin=True))
    sent = {"next": url.encode("utf-8", "replace").decode()}
    for page in PAGES:
        for method in ("get", "post"):
            reply = getattr(client, method)(page, sent)
            assert reply.status_code < 500, (method, page)


@pytest.mark.parametrize("url", ["http://[", "https://elsewhere.example/", "//elsewhere.example"])
def test_f17_nobody_is_sent_elsewhere(url: str) -> None:
    person = make_user()
    person.set_password("correct horse battery")
    person.save()
    form = {"login": person.email, "password": "correct horse battery", "next": url}
    reply = Client().post("/accounts/login/", form)
    assert (reply.status_code, reply["Location"]) == (302, "/")
