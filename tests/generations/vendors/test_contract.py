"""What every vendor must offer: each test runs for each one in the registry, over real HTTP."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType

import pytest
from django.http.request import HttpHeaders

import generations.vendors
from generations.vendors import (
    ProviderClient,
    ProviderError,
    ProviderUnavailable,
    ProviderUnclear,
    UnknownVendor,
    Vendor,
    has_several_vendors,
    usable_task_id,
    vendor_choices,
    vendor_named,
)
from generations.vendors.registry import SUBMIT_SECONDS, VENDORS
from platform_site.logs import redact
from platform_site.secrets.cipher import Secret
from tests.support.api import generation_body
from tests.support.ports import free_port
from tests.support.vendor import Reply, drop, html, reset, running_vendor, say

SECRET = "sk-a-secret-0123456789"
LOOKS: list[Callable[[ProviderClient], object]] = [
    lambda client: client.get_task("t-1"),
    lambda client: client.get_credits(),
]
every_vendor = pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))


def create(client: ProviderClient) -> str:
    body = generation_body("A quiet lake")
    return client.create_task({**body, "callback_url": "https://dailies.example/callbacks/x"})


def client_of(vendor: Vendor, endpoint: str) -> ProviderClient:
    return vendor.client(endpoint=endpoint, secret=Secret(SECRET))


def modules() -> list[ModuleType]:
    package = generations.vendors
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(module.name) for module in found]


@pytest.mark.parametrize("base", [Vendor, ProviderClient])
def test_each_method_of_the_base_says_what_it_is_for(base: type) -> None:
    for name in base.__abstractmethods__:  # type: ignore[attr-defined]
        documented = inspect.getdoc(getattr(base, name)) or ""
        assert "Called " in documented, name


@every_vendor
def test_each_abstract_method_is_there_and_documented(vendor: Vendor) -> None:
    client = client_of(vendor, "http://127.0.0.1:9")
    for base, thing in ((Vendor, vendor), (ProviderClient, client)):
        assert isinstance(thing, base)
        for name in base.__abstractmethods__:
            method = getattr(type(thing), name)
            assert method.__doc__, name
            wanted = inspect.signature(getattr(base, name)).parameters
            assert list(inspect.signature(method).parameters) == list(wanted), name
    assert client.endpoint == "http://127.0.0.1:9"


@every_vendor
def test_each_fact_is_there(vendor: Vendor) -> None:
    assert vendor_named(vendor.name) is vendor
    assert (vendor.name, vendor.title) in vendor_choices()
    assert vendor.key_example
    assert vendor.link_life > timedelta(0)
    assert 0 < vendor.submit_seconds <= SUBMIT_SECONDS
    assert vendor.frames.media_types
    assert vendor.frames.max_bytes > 0
    for least, most in (vendor.frames.side, vendor.frames.aspect):
        assert 0 < least <= most


def test_every_error_of_a_vendor_is_of_the_bases_tree() -> None:
    found = {
        thing
        for module in modules()
        for thing in vars(module).values()
        if inspect.isclass(thing)
        and issubclass(thing, Exception)
        and thing.__module__.startswith("generations.vendors.")
    }
    assert {one for one in found if not issubclass(one, ProviderError)} == {UnknownVendor}


def test_an_unknown_vendor_is_an_error_of_its_own() -> None:
    with pytest.raises(UnknownVendor):
        vendor_named("nobody")
    assert has_several_vendors() == (len(VENDORS) > 1)


@every_vendor
def test_p22_an_address_that_nobody_listens_at_proves_that_nothing_was_sent(
    vendor: Vendor,
) -> None:
    with pytest.raises(ProviderUnavailable):
        create(client_of(vendor, f"http://127.0.0.1:{free_port()}"))


@every_vendor
@pytest.mark.parametrize("reply", [drop, reset, html(500), html(200), say(200, [1])], ids=range(5))
def test_p22_a_create_of_any_vendor_is_sent_once_and_may_have_been_accepted(
    vendor: Vendor, reply: Reply
) -> None:
    with running_vendor() as server:
        server.stand_before(reply)
        with pytest.raises(ProviderUnclear) as caught:
            create(client_of(vendor, server.url))
        assert len(server.calls) == 1
        assert SECRET not in f"{caught.value!r}{vars(caught.value)}"


@every_vendor
@pytest.mark.parametrize("reply", [drop, html(500), html(200), say(200, [1])], ids=range(4))
def test_p28_a_look_at_any_vendor_is_sent_once_and_says_nothing(
    vendor: Vendor, reply: Reply
) -> None:
    for look in LOOKS:
        with running_vendor() as server:
            server.stand_before(reply)
            with pytest.raises(ProviderError):
                look(client_of(vendor, server.url))
            assert len(server.calls) == 1


@every_vendor
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\0", b'{"id": {"id": 7}}', b"[" * 100_000]
)
def test_p30_any_bytes_may_come_as_a_callback(vendor: Vendor, body: bytes) -> None:
    called = vendor.read_callback(HttpHeaders({"HTTP_X_EVENT": "\0"}), body)
    assert called.task_id == "" or usable_task_id(called.task_id)


@every_vendor
def test_p31_films_come_from_named_hosts(vendor: Vendor) -> None:
    terms = vendor.key_terms(SECRET)
    assert not terms.endpoint.endswith("/")
    assert terms.max_in_flight > 0
    hosts = vendor.result_hosts(terms.endpoint)
    assert hosts
    assert all("." in host.strip(".") for host in hosts)
    assert vendor.private_targets(terms.endpoint) == frozenset()


@every_vendor
def test_p33_what_is_wrong_with_a_key_does_not_repeat_it(vendor: Vendor) -> None:
    problem = vendor.key_problem("not a key of anybody's")
    assert problem
    assert "anybody" not in problem


@every_vendor
@pytest.mark.parametrize("around", ["{}", "Bearer {}", '{{"key": "{}"}}', "{} is unknown.", "({})"])
def test_p33_a_key_is_masked_wherever_it_stands(vendor: Vendor, around: str) -> None:
    assert not vendor.key_problem(SECRET)
    assert redact(around.format(SECRET)) == around.format(f"{vendor.key_example}{SECRET[-4:]}")


@every_vendor
def test_words_about_a_key_are_the_end_of_a_sentence(vendor: Vendor) -> None:
    assert vendor.key_trouble("no such code") == ""
