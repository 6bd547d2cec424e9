"""Whatever a page is asked or sent, it answers in words: no input of the portal is a 500."""

import functools
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import ProviderKey
from tests.factories import make_api_key, make_generation

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

NASTY = [
    "http://[",
    "http://[::1",
    "https://a\\b@c/",
    "x/y",
    "../..",
    "\0",
    "a\0b",
    "\ud800",
    "\u200b",
    "-1",
    "9" * 30,
    "9" * 5_000,
    "1e400",
    "NaN",
    "٣",
    "2026-02-30",
    "9999-12-31",
    "0000-00-00",
    "10.0.0.0/99",
    "a,b",
    "team:x",
    "member:",
    "member:9999999999999999999999",
    "api_key:\0",
    "%00",
    "x" * 3_000,
]
FIELDS = [
    "above",
    "action",
    "allowed_networks",
    "back",
    "before",
    "below",
    "by",
    "choice",
    "confirm",
    "credits",
    "days",
    "decision",
    "email",
    "events",
    "expires",
    "expires_at",
    "favourite",
    "field",
    "first_frame",
    "from",
    "group_by",
    "key",
    "key_id",
    "label",
    "last_frame",
    "limit",
    "low_at",
    "max_in_flight",
    "member",
    "model",
    "name",
    "next",
    "order",
    "page",
    "password",
    "per_minute",
    "priority",
    "project",
    "prompt",
    "q",
    "reason",
    "remix",
    "remix_of",
    "remove",
    "requests_per_minute",
    "scope",
    "secret",
    "seed",
    "shown",
    "state",
    "status",
    "take",
    "target",
    "team",
    "to",
    "until",
    "up_to",
    "upstream_id",
    "url",
    "was",
    "window",
    "duration",
    "resolution",
    "aspect_ratio",
    "generate_audio",
    "idempotency_key",
    "hourly",
    "daily",
    "total",
    "since",
    "retain_days",
    "owner",
]


def paths(patterns: Any, start: str = "/") -> Any:
    """Yield the portal's paths, with the kinds of their parameters."""
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from paths(one.url_patterns, start + str(one.pattern))
        elif isinstance(one, URLPattern) and one.callback.__module__.startswith(
            ("generations.portal", "django.views.generic")
        ):
            yield start + str(one.pattern)


PORTAL = sorted(set(paths(get_resolver("generations.portal.urls").url_patterns)))


@pytest.fixture
def owner(alice: Membership, provider_key: ProviderKey) -> Client:
    """Alice's browser, which shows answers to mistakes of ours instead of raising them."""
    client = Client(raise_request_exception=False)
    client.force_login(alice.user)
    return client


@pytest.fixture
def places(alice: Membership, provider_key: ProviderKey) -> list[str]:
    """Every path of the portal with rows that exist, and with values that name none."""
    generation = make_generation(alice, State.COMPLETED)
    known = {
        "<str:generation_id>": str(generation.pk),
        "<int:key_id>": str(make_api_key(alice).key.pk),
    }
    return [filled(path, known) for path in PORTAL]


NOTHING = {
    "<str:generation_id>": "x",
    "<int:key_id>": "1",
    "<int:endpoint_id>": "1",
    "<uuid:delivery_id>": "00000000-0000-4000-8000-000000000000",
    "<slug:slug>": "x",
    "<slug:name>": "first_frame",
    "<str:token>": "x",
    "<str:signed>": "x",
}


def filled(path: str, values: dict[str, str]) -> str:
    """Put values into a path's parameters, and where there is none, one that names nothing."""
    return functools.reduce(
        lambda so_far, part: so_far.replace(*part), {**NOTHING, **values}.items(), path
    )


def encodable(value: str) -> str:
    """Return what a browser would send of a value."""
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@pytest.mark.parametrize("value", NASTY, ids=lambda value: ascii(value)[:20])
def test_f17_no_query_and_no_form_is_a_mistake_of_ours(
    owner: Client, places: list[str], value: str
) -> None:
    form = {name: encodable(value) for name in FIELDS}
    broken = []
    for path in places:
        for method in ("get", "post"):
            reply = getattr(owner, method)(path, form)
            if reply.status_code >= 500:
                broken.append((method, path, reply.status_code))
    assert broken == []


@pytest.mark.parametrize("value", NASTY, ids=lambda value: ascii(value)[:20])
def test_f17_nor_is_one_field_alone_among_good_ones(
    owner: Client, alice: Membership, value: str
) -> None:
    good = {
        "/studio/submit/": {
            "prompt": "A lake",
            "team": alice.team.slug,
            "duration": "5",
            "resolution": "480p",
            "aspect_ratio": "16:9",
            "first_frame": "",
            "last_frame": "",
            "remix_of": "",
            "project": "",
            "priority": "0",
            "seed": "",
            "idempotency_key": "k",
            "take": "",
        },
        "/studio/price/": {"prompt": "A lake", "first_frame": "", "seed": "", "remix_of": ""},
        "/budgets/limits/": {"target": f"team:{alice.team.pk}", "window": "day", "credits": "5"},
        "/keys/api/": {"label": "Key", "expires": "", "allowed_networks": "", "per_minute": ""},
        "/keys/provider/": {"scope": "team", "label": "Key", "secret": "sk-sandbox-12345678"},
        "/webhooks/add/": {"url": "https://hooks.example/", "events": "generation.kept"},
        "/projects/": {"name": "Autumn"},
        "/archive/retention/": {"days": "30"},
    }
    broken = []
    for path, fields in good.items():
        for name in fields:
            reply = owner.post(path, {**fields, name: encodable(value)})
            if reply.status_code >= 500:
                broken.append((path, name, reply.status_code))
    assert broken == []


@pytest.mark.parametrize("value", NASTY, ids=lambda value: ascii(value)[:20])
@pytest.mark.parametrize(
    "query",
    ["/?first_frame={}", "/?remix={}", "/studio/films/?before={}", "/feed/?was={}"],
)
def test_f17_what_the_studio_is_asked_is_shown_or_left(
    owner: Client, query: str, value: str
) -> None:
    path, _, name = query.removesuffix("={}").partition("?")
    assert owner.get(path, {name: encodable(value)}).status_code < 500


@pytest.mark.parametrize("value", NASTY, ids=lambda value: ascii(value)[:20])
def test_f17_no_address_is_a_mistake_of_ours(owner: Client, value: str) -> None:
    broken = []
    for path in PORTAL:
        for part in ("<str:generation_id>", "<str:token>", "<str:signed>"):
            if part in path:
                sent = path.replace(part, encodable(value).replace("%", "%25"))
                for method in ("get", "post"):
                    reply = owner.generic(method.upper(), f"http://testserver{sent}")
                    if reply.status_code >= 500:
                        broken.append((method, path))
    assert broken == []


@pytest.mark.parametrize("url", ["http://[", "\0", "x" * 3_000, "http://dailies.test/budgets/"])
def test_f17_whatever_page_a_browser_says_it_shows_its_person_is_asked_to_sign_in(url: str) -> None:
    client = Client(raise_request_exception=False)
    reply = client.get("/feed/", headers={"HX-Request": "true", "HX-Current-URL": url})
    assert reply.status_code == 204
    assert reply["HX-Redirect"].startswith("/accounts/login/?next=")
