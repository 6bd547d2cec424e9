"""The vendor's error table and words, as its own page has them."""

import pytest
from pytest_django import Settings

from generations.vendors import RefusalKind, vendor_named
from generations.vendors.aivideoapi.facts import ENDPOINT, NAME, RESULT_HOSTS
from generations.vendors.aivideoapi.refusals import kind_of_refusal
from generations.vendors.aivideoapi.wire import read_task

MODERATED = "The input contains sensitive or prohibited content"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request", RefusalKind.REQUEST),
        (401, "invalid_api_key", RefusalKind.KEY),
        (402, "insufficient_credits", RefusalKind.KEY),
        (403, "ip_not_allowed", RefusalKind.KEY),
        (404, "model_not_found", RefusalKind.REQUEST),
        (404, "task_not_found", RefusalKind.REQUEST),
        (429, "rate_limit_exceeded", RefusalKind.TOO_FAST),
        (429, "spend_limit_exceeded", RefusalKind.KEY),
        (500, "internal_error", RefusalKind.PASSING),
        (503, "upstream_error", RefusalKind.PASSING),
        (403, "of_tomorrow", RefusalKind.KEY),
        (418, "of_tomorrow", RefusalKind.REQUEST),
    ],
)
def test_p36_each_code_of_the_vendors_page_has_its_meaning(
    status: int, code: str, kind: RefusalKind
) -> None:
    assert kind_of_refusal(status=status, code=code, message="Because.") == kind
    words = vendor_named(NAME).key_trouble(code)
    assert bool(words) == (kind == RefusalKind.KEY and code != "of_tomorrow")
    assert words == "" or words.endswith(".")


@pytest.mark.parametrize("status", [400, 500, 503])
def test_moderation_is_told_by_its_words(status: int) -> None:
    kind = kind_of_refusal(status=status, code="upstream_error", message=MODERATED.upper())
    assert kind == RefusalKind.CONTENT
    error = {"code": "upstream_error", "message": MODERATED}
    assert read_task({"id": "t-1", "status": "failed", "error": error}).moderated


def test_p31_what_an_operator_leaves_empty_is_the_vendors_own(settings: Settings) -> None:
    settings.PROVIDER_URL, settings.RESULT_HOSTS = "", []
    vendor = vendor_named(NAME)
    assert vendor.key_terms("sk-0123456789").endpoint == ENDPOINT
    assert vendor.result_hosts(ENDPOINT) == RESULT_HOSTS
    settings.PROVIDER_URL, settings.RESULT_HOSTS = "https://mirror.example", [".films.example"]
    assert vendor.key_terms("sk-0123456789").endpoint == "https://mirror.example"
    assert vendor.result_hosts("https://mirror.example") == (".films.example",)


def test_p31_a_sandbox_keys_films_come_from_the_sandbox_alone(settings: Settings) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:8801"
    vendor = vendor_named(NAME)
    endpoint = vendor.key_terms("sk-sandbox-0123456789").endpoint
    assert endpoint == settings.SANDBOX_URL
    assert vendor.result_hosts(endpoint) == ("127.0.0.1",)
    assert vendor.private_targets(endpoint) == {"127.0.0.1:8801"}
