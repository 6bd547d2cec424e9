"""Addresses of this site that a vendor is given: only those that it can reach."""

from typing import Any

import pytest

from accounts.models import Membership
from billing.models import Hold
from generations.dispatch.send import body_to_submit
from generations.models import Generation, ProviderKey, Upload
from generations.uploads.links import upload_url
from platform_site.errors import InvalidRequest
from tests.factories import make_generation
from tests.support.api import Api
from tests.support.uploads import make_upload

pytestmark = pytest.mark.django_db

NOWHERE = [
    "http://127.0.0.1:8000",
    "http://localhost:8000",
    "http://[::1]:8000",
    "http://10.1.2.3",
    "http://192.168.0.7:8000",
    "http://dailies",
    "http://dailies.local",
    "https://studio.internal",
]
ELSEWHERE = ["https://dailies.example", "http://8.8.8.8:8000"]


def at_vendor(key: ProviderKey) -> None:
    """Pin the key to the vendor's own address, where nothing is called in these tests."""
    ProviderKey.objects.filter(pk=key.pk).update(endpoint="https://api.aivideoapi.ai")


@pytest.fixture
def upload(alice: Membership) -> Upload:
    """A frame that Alice handed in."""
    return make_upload(alice)


@pytest.mark.parametrize("url", NOWHERE)
def test_f7_an_upload_that_the_vendor_cannot_fetch_is_refused_before_anything_is_held(
    api: Api, provider_key: ProviderKey, upload: Upload, settings: Any, url: str
) -> None:
    settings.PUBLIC_URL = url
    at_vendor(provider_key)
    for images in ([upload_url(upload)], ["https://example.com/a.jpg", upload_url(upload)]):
        reply = api.generate(image_urls=images)
        assert reply.status_code == 400
        error = reply.json()["error"]
        assert error["details"]["field"] == "image_urls"
        assert f"image_urls[{len(images) - 1}]" in error["message"]
        assert "PUBLIC_URL" in error["message"]
    assert not Hold.objects.exists()
    assert api.generate().status_code == 200  # nothing of ours is in it


@pytest.mark.parametrize("url", NOWHERE)
def test_f7_a_sandbox_on_the_same_machine_or_network_is_sent_uploads(
    api: Api, upload: Upload, settings: Any, url: str
) -> None:
    settings.PUBLIC_URL = url
    assert api.generate(image_urls=[upload_url(upload)]).status_code == 200


@pytest.mark.parametrize("url", ELSEWHERE)
def test_f7_a_public_site_sends_uploads_to_the_vendor(
    api: Api, provider_key: ProviderKey, upload: Upload, settings: Any, url: str
) -> None:
    settings.PUBLIC_URL = url
    at_vendor(provider_key)
    assert api.generate(image_urls=[upload_url(upload)]).status_code == 200


def test_f7_the_portal_and_remixes_are_refused_by_the_same_door(
    alice: Membership, provider_key: ProviderKey, upload: Upload, settings: Any
) -> None:
    settings.PUBLIC_URL = NOWHERE[0]
    at_vendor(provider_key)
    with pytest.raises(InvalidRequest) as caught:
        make_generation(alice, image_urls=[upload_url(upload)])
    assert caught.value.field == "image_urls"


@pytest.mark.parametrize("url", [*NOWHERE, *ELSEWHERE])
def test_f7_the_vendor_is_told_where_to_call_only_if_it_can(
    alice: Membership, provider_key: ProviderKey, settings: Any, url: str
) -> None:
    settings.PUBLIC_URL = url
    generation = make_generation(alice)
    assert str(body_to_submit(generation)["callback_url"]).startswith(url)
    at_vendor(provider_key)
    generation = Generation.objects.get(pk=generation.pk)
    assert ("callback_url" in body_to_submit(generation)) is (url in ELSEWHERE)
