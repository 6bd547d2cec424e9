"""Endpoints at a receiver that listens."""

import pytest
from pytest_django import Settings

from accounts.models import Membership, WebhookEndpoint
from accounts.webhooks.endpoints import add_endpoint
from tests.factories import SYSTEM
from tests.support.receivers import HOOK, LOW
from tests.support.vendor import Vendor


@pytest.fixture
def allowed(settings: Settings) -> list[str]:
    """Receivers that the operator has exempted."""
    exempted: list[str] = []
    settings.OUTBOUND_ALLOW = exempted
    return exempted


@pytest.fixture
def hook(vendor: Vendor, allowed: list[str]) -> str:
    allowed.append(vendor.url.removeprefix("http://"))
    return f"{vendor.url}{HOOK}"


@pytest.fixture
def endpoint(alice: Membership, hook: str) -> WebhookEndpoint:
    return add_endpoint(team=alice.team, url=hook, events=[LOW], by=SYSTEM)
