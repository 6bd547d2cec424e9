"""Pages travel compressed; films, reports and short answers as they are."""

import gzip
import re

import pytest
from django.test import Client

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import Film
from tests.factories import make_generation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider_key")]

TAKES_GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def browser(alice: Membership) -> Client:
    client = Client(headers=TAKES_GZIP)
    client.force_login(alice.user, backend="accounts.sign_in.backend.EmailBackend")
    return client


def page(browser: Client, path: str) -> str:
    reply = browser.get(path)
    assert reply["Content-Encoding"] == "gzip", path
    assert int(reply["Content-Length"]) == len(reply.content)
    return gzip.decompress(reply.content).decode()


def test_a_page_is_compressed_for_who_takes_it_so(browser: Client) -> None:
    reply = browser.get("/")
    assert reply["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in reply["Vary"]
    whole = browser.get("/", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in whole
    assert "Accept-Encoding" in whole["Vary"]
    assert len(reply.content) < len(whole.content) / 3


@pytest.mark.parametrize("path", ["/", "/keys/", "/webhooks/", "/budgets/", "/accounts/login/"])
def test_no_two_pages_hold_the_same_token(browser: Client, path: str) -> None:
    if path == "/accounts/login/":
        browser.logout()
    pages = [page(browser, path) for _ in range(2)]
    tokens = [
        set(re.findall(r'(?:csrfmiddlewaretoken" value=|X-CSRFToken": )"(\w{64})"', one))
        for one in pages
    ]
    assert all(tokens)
    assert not tokens[0] & tokens[1]


def test_pages_of_one_length_have_many_on_the_wire(browser: Client) -> None:
    assert len({len(browser.get("/").content) for _ in range(12)}) > 1


def test_films_and_their_ranges_are_sent_as_they_are(alice: Membership) -> None:
    film = Film.objects.get(generation=make_generation(alice, State.COMPLETED))
    client = Client(headers=TAKES_GZIP)
    for path in (f"/films/{film.token}.mp4", f"/films/{film.token}.jpg"):
        reply = client.get(path)
        assert "Content-Encoding" not in reply
        assert int(reply["Content-Length"]) == len(reply.getvalue())
        assert client.get(path, headers={"If-None-Match": reply["ETag"]}).status_code == 304
    part = client.get(f"/films/{film.token}.mp4", headers={"Range": "bytes=10-19"})
    assert (part.status_code, len(part.getvalue())) == (206, 10)
    assert "Content-Encoding" not in part


def test_a_report_streams_as_it_is(browser: Client) -> None:
    reply = browser.get("/reports/report.csv")
    assert (reply.status_code, reply.streaming) == (200, True)
    assert "Content-Encoding" not in reply
