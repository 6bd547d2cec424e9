"""No address of the portal ends in a bare 405 when somebody reloads or bookmarks it."""

from itertools import chain

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, resolve, reverse

from accounts.models import Membership
from generations.lifecycle import State
from generations.portal.urls import urlpatterns
from tests.factories import make_generation
from tests.generations.portal.conftest import SignIn

pytestmark = pytest.mark.django_db

_ANY = {
    "generation_id": "00000000-0000-4000-8000-000000000000",
    "delivery_id": "00000000-0000-4000-8000-000000000000",
    "key_id": 1,
    "discrepancy_id": 1,
    "endpoint_id": 1,
    "slug": "any",
    "name": "first_frame",
    "token": "any",
    "signed": "any",
}


def _patterns() -> list[URLPattern]:
    lists = (one.url_patterns for one in urlpatterns if isinstance(one, URLResolver))
    return [one for one in chain(*lists) if isinstance(one, URLPattern) and one.name]


@pytest.mark.parametrize("pattern", _patterns(), ids=lambda one: one.name)
def test_f03_every_address_can_be_opened(client: Client, pattern: URLPattern) -> None:
    arguments = {name: _ANY[name] for name in pattern.pattern.converters}
    reply = client.get(reverse(str(pattern.name), kwargs=arguments))
    assert reply.status_code != 405
    assert client.put(reverse(str(pattern.name), kwargs=arguments)).status_code == 405


@pytest.mark.parametrize("pattern", _patterns(), ids=lambda one: one.name)
def test_f11_whoever_asks_for_the_head_alone_is_answered_as_who_asks_for_the_page(
    alice: Membership, sign_in: SignIn, pattern: URLPattern
) -> None:
    client = sign_in(alice)
    path = reverse(
        str(pattern.name), kwargs={name: _ANY[name] for name in pattern.pattern.converters}
    )
    head, page = client.head(path), client.get(path)
    assert (head.status_code, head.getvalue()) == (page.status_code, b"")
    assert page.status_code in {200, 302, 404}


def test_f03_a_refused_retry_is_reloaded_as_the_films_page(
    bob: Membership, sign_in: SignIn
) -> None:
    failed = make_generation(bob, State.FAILED)
    reply = sign_in(bob).get(f"/generations/{failed.id}/retry/")
    assert (reply.status_code, reply["Location"]) == (302, f"/generations/{failed.id}/")


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/studio/submit/", "studio"),
        ("/studio/cancel/", "studio"),
        ("/team/", "studio"),
        ("/keys/api/1/delete/", "keys"),
        ("/budgets/limits/lift/", "budgets"),
        ("/projects/any/", "budgets"),
        ("/webhooks/secret/", "webhooks"),
        ("/webhooks/7/test/", "webhook_endpoint"),
        ("/notices/read/", "notices"),
        ("/archive/retention/", "archive"),
    ],
)
def test_f03_an_address_of_forms_leads_to_their_page(
    bob: Membership, sign_in: SignIn, path: str, page: str
) -> None:
    reply = sign_in(bob).get(path)
    assert reply.status_code == 302
    assert resolve(reply["Location"]).url_name == page
