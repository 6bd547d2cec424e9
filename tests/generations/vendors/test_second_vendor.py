"""With a second vendor in the registry: whose key sends what, and where people are asked."""

import logging
import logging.config
from collections.abc import Iterator
from io import StringIO
from typing import ClassVar

import pytest
from django.apps import apps
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.authority import By
from accounts.models import Membership, Notice
from generations.errors import NoProviderKey
from generations.lifecycle import State
from generations.models import ProviderKey, Upload, VideoModel
from generations.portal.words import pause_of
from generations.provider_keys.service import (
    add_provider_key,
    client_for,
    pause_provider_key,
    pause_refused_key,
)
from generations.selectors import provider_key_for
from generations.uploads.service import store_upload
from generations.vendors import DEFAULT_VENDOR, FrameLimits, KeyTerms, ProviderUnavailable
from generations.vendors.aivideoapi.vendor import AiVideoApi
from generations.vendors.registry import VENDORS
from platform_site.errors import Conflict, InvalidRequest
from platform_site.logs import logging_config
from tests.factories import (
    SYSTEM,
    image_bytes,
    make_generation,
    make_provider_key,
    make_user,
    refusal,
)
from tests.support.api import MODEL
from tests.support.steps import run_queue

pytestmark = pytest.mark.django_db
SECRET = "other-0123456789"


class Other(AiVideoApi):
    """Like the first, under another name, at another address, with other keys."""

    name: ClassVar[str] = "other"
    title: ClassVar[str] = "Other Films"
    key_example: ClassVar[str] = "other-…"
    frames: ClassVar[FrameLimits] = FrameLimits(
        media_types=("image/png", "image/jpeg"), max_bytes=10**9, side=(200, 600), aspect=(0.1, 9)
    )
    key_pattern: ClassVar[str] = r"other-[0-9]{10}"

    def key_problem(self, secret: str) -> str:
        return "" if secret.startswith("other-") else "An Other key starts with 'other-'."

    def key_terms(self, secret: str) -> KeyTerms:
        return KeyTerms(endpoint="https://other.example")


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Other:
    """A second vendor, which the catalogue's model belongs to."""
    vendor = Other()
    monkeypatch.setitem(VENDORS, vendor.name, vendor)
    monkeypatch.setattr("platform_site.logs._masks", {})
    for app in ("accounts", "generations"):
        apps.get_app_config(app).ready()
    return vendor


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the site's own handler writes."""
    stream = StringIO()
    config = logging_config(debug=False, readable=True)
    config["handlers"]["stderr"]["stream"] = stream
    before = logging.root.handlers[:], logging.root.level
    logging.config.dictConfig(config)
    yield stream
    logging.root.handlers[:], logging.root.level = before


def belongs_to(vendor: str) -> None:
    VideoModel.objects.filter(name=MODEL).update(vendor=vendor)


def vault(membership: Membership, *, shared: bool = True) -> ProviderKey:
    return add_provider_key(
        team=membership.team,
        owner=None if shared else membership.user,
        secret=SECRET,
        label="",
        by=SYSTEM,
        vendor=Other.name,
    )


def test_p25_a_generation_goes_out_with_a_key_of_its_models_vendor(
    other: Other, alice: Membership
) -> None:
    first = make_provider_key(alice.team)
    own_of_first = make_provider_key(alice.team, alice.user)
    key = vault(alice)
    assert (key.vendor, key.endpoint) == ("other", "https://other.example")
    assert make_generation(alice).provider_key == own_of_first
    belongs_to("other")
    assert make_generation(alice).provider_key == key
    assert first.vendor == DEFAULT_VENDOR
    assert client_for(key).endpoint == "https://other.example"


def test_a_key_of_another_vendor_is_none(
    other: Other, alice: Membership, provider_key: ProviderKey
) -> None:
    belongs_to("other")
    with pytest.raises(NoProviderKey):
        provider_key_for(alice.team, alice.user, model=MODEL)
    with pytest.raises(NoProviderKey):
        make_generation(alice)


def upload(membership: Membership, kind: str, size: tuple[int, int]) -> str:
    """Upload an image; return why it was refused, or ""."""
    file = SimpleUploadedFile("frame", image_bytes(kind, size))
    try:
        store_upload(file, by=By.member(membership), now=timezone.now())
    except InvalidRequest as error:
        return error.message
    return ""


def test_a_frame_must_fit_every_vendor_whose_models_take_one(
    other: Other, alice: Membership
) -> None:
    assert upload(alice, "GIF", (300, 300)) == ""
    model = VideoModel.objects.get(name=MODEL)
    model.pk, model.name, model.vendor, model.max_images = None, "theirs", "other", 0
    model.save()
    assert upload(alice, "GIF", (300, 300)) == ""
    VideoModel.objects.filter(name="theirs").update(max_images=1)
    assert upload(alice, "GIF", (300, 300)) == ""
    assert Upload.objects.latest("pk").content_type == "image/png"
    assert "each side must have 300 to 600" in upload(alice, "PNG", (640, 300))
    assert upload(alice, "PNG", (600, 300)) == ""


def test_a_team_and_a_person_have_one_key_of_each_vendor(other: Other, alice: Membership) -> None:
    make_provider_key(alice.team)
    make_provider_key(alice.team, alice.user)
    vault(alice)
    vault(alice, shared=False)
    for shared in (True, False):
        with pytest.raises(Conflict):
            vault(alice, shared=shared)


def test_a_key_whose_vendor_is_gone_sends_nothing(
    other: Other, alice: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = vault(alice)
    monkeypatch.delitem(VENDORS, "other")
    with pytest.raises(ProviderUnavailable):
        client_for(key)


def test_a_callback_for_a_vendor_that_is_gone_is_turned_away(
    alice: Membership, provider_key: ProviderKey, client: Client
) -> None:
    job = make_generation(alice, State.PROCESSING)
    ProviderKey.objects.update(vendor="gone")
    body = {"id": job.upstream_id, "status": "completed"}
    answer = client.post(f"/callbacks/{job.callback_token}", body, "application/json")
    assert answer.status_code == 404
    assert not job.callbacks.exists()


def test_p33_its_keys_are_masked_in_logs_and_in_what_people_are_told(
    other: Other, alice: Membership, log: StringIO
) -> None:
    key = vault(alice)
    logging.getLogger("httpx").warning("Bearer %s and sk-0123456789", SECRET)
    assert pause_provider_key(key, reason=f"{SECRET} was in a mail", by=SYSTEM)
    run_queue("mail")
    logged, told = log.getvalue(), Notice.objects.get().body + mail.outbox[0].body
    for said in (logged, told):
        assert SECRET not in said
        assert "other-…6789" in said
    assert "sk-…6789" in logged


def test_a_paused_key_whose_vendor_is_gone_says_what_was_said(
    provider_key: ProviderKey,
) -> None:
    pause_refused_key(provider_key, refusal(message="Top up."))
    ProviderKey.objects.update(vendor="gone")
    provider_key.refresh_from_db()
    assert pause_of(provider_key) == "Top up."


def test_the_portal_asks_for_the_vendor_where_there_are_several(
    other: Other, bob: Membership, client: Client
) -> None:
    make_provider_key(bob.team, bob.user)
    client.force_login(bob.user)
    page = client.get("/keys/").content.decode()
    assert 'name="vendor"' in page
    assert "Other Films" in page
    form = {"vendor": "other", "secret": SECRET, "label": "", "scope": "own"}
    form["team"] = bob.team.slug
    assert client.post("/keys/provider/", form | {"secret": "sk-0123456789"}).status_code == 200
    assert ProviderKey.objects.filter(owner=bob.user).count() == 1
    client.post("/keys/provider/", form)
    assert ProviderKey.objects.get(owner=bob.user, vendor="other").endpoint == (
        "https://other.example"
    )
    page = client.get("/keys/").content.decode()
    assert 'name="vendor"' not in page.partition("Team key")[0]
    assert "Other Films" in page


def test_nobody_is_asked_for_the_only_vendor(bob: Membership, client: Client) -> None:
    client.force_login(bob.user)
    assert b'name="vendor"' not in client.get("/keys/").content
    client.force_login(make_user(admin=True))
    for kind in ("providerkey", "videomodel"):
        page = client.get(f"/admin/generations/{kind}/add/").content
        assert b'name="vendor"' not in page, kind


def test_the_administration_asks_for_the_vendor_where_there_are_several(
    other: Other, alice: Membership, client: Client
) -> None:
    client.force_login(make_user(admin=True))
    for kind in ("providerkey", "videomodel"):
        page = client.get(f"/admin/generations/{kind}/add/").content
        assert b'name="vendor"' in page, kind
    form = {"vendor": "other", "team": alice.team.pk, "owner": "", "label": "", "secret": SECRET}
    client.post("/admin/generations/providerkey/add/", {**form, "label": "Theirs"})
    key = ProviderKey.objects.get(label="Theirs")
    assert (key.vendor, key.endpoint) == ("other", "https://other.example")
    assert b"Other Films" in client.get(f"/admin/generations/providerkey/{key.pk}/change/").content
