"""The provider client, and what it says of a server's answers."""

import pytest

from generations.vendors import ProviderError
from generations.vendors.aivideoapi.client import AiVideoApiClient
from platform_site.secrets.cipher import Secret
from tests.support.vendor import Exchange

SECRET = "sk-sandbox-0123456789abcdef"
BODY = {"model": "doubao-seedance-1.5-pro", "input": {"prompt": "东方 lake", "duration": 5}}


def client(url: str) -> AiVideoApiClient:
    """Return a client of the vendor at this URL."""
    return AiVideoApiClient(endpoint=url, secret=Secret(SECRET))


def create_at(url: str) -> ProviderError:
    """Return the error of a create there."""
    with pytest.raises(ProviderError) as caught:
        client(url).create_task(BODY)
    return caught.value


def truncated_json(exchange: Exchange) -> None:
    """Break off in the middle of an answer."""
    exchange.send(200, b'{"code": 200, "da', {"Content-Length": "70"})
