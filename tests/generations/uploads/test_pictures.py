"""What people are told of an image, what their browser then shows, and what decoding costs."""

import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import ClassVar

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image

from accounts.models import Membership
from generations.models import Upload, VideoModel
from generations.portal.access import TEAM_HEADER
from generations.uploads.pictures import prepared
from generations.uploads.quota import DECODED_AT_ONCE, decoding_slot
from generations.vendors import FrameLimits, vendor_named
from generations.vendors.aivideoapi.vendor import AiVideoApi
from generations.vendors.registry import VENDORS
from platform_site.errors import InvalidRequest, Unavailable
from tests.factories import image_bytes, make_api_key
from tests.support.api import Api
from tests.support.pictures import large_png, marked, saved, swapped_profile

LIMITS = vendor_named("aivideoapi").frames
FRAME = "/studio/frames/first_frame/"


def told(content: bytes, limits: FrameLimits = LIMITS) -> str:
    """Return why an image is refused."""
    with (
        pytest.raises(InvalidRequest) as caught,
        prepared(BytesIO(content), len(content), limits),
    ):
        pass
    assert caught.value.field == "file"
    return caught.value.message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty"),
        (b"%PDF-1.7", "The file is a PDF. Choose a JPEG, PNG,"),
        (b"nothing", "not an image that can be read here"),
        (image_bytes("PNG")[:-40], "The PNG image is damaged or incomplete"),
        (image_bytes("WEBP")[:60], "The WebP image is damaged"),
        (
            image_bytes("PNG", (200, 300), "1"),
            "200×300 pixels; each side must have 300 to 6000. Use",
        ),
        (image_bytes("PNG", (7000, 3000), "1"), "7000×3000 pixels; each side"),
        (image_bytes("PNG", (7000, 3000), "1"), "Make it smaller."),
        (image_bytes("PNG", (900, 300), "1"), "width ÷ height must be 0.4 to 2.5. Crop it."),
    ],
    ids=range(9),
)
def test_f05_a_refusal_says_what_is_wrong_and_the_way_out(content: bytes, words: str) -> None:
    assert words in told(content)


def test_f05_a_file_that_is_too_long_is_told_its_length() -> None:
    with (
        pytest.raises(
            InvalidRequest, match=r"The file has 31 MB\. Choose an image of up to 30 MB,"
        ),
        prepared(BytesIO(b"x"), 30 * 1024**2 + 1, LIMITS),
    ):
        pass


def test_f05_what_bursts_the_decoder_is_no_mistake_of_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The child dies, here of an interpreter that is none."""
    dead = tmp_path / "python"
    dead.write_text("#!/bin/sh\nkill -9 $$\n")
    dead.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dead))
    assert told(image_bytes("PNG")) == (
        "The image could not be read. Save it as a JPEG or PNG, and try again."
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (saved(marked(), "TIFF"), "image/png"),
        (saved(marked(), "AVIF"), "image/jpeg"),
        (saved(marked(mode="CMYK"), "JPEG"), "image/jpeg"),
        (saved(marked(), "PNG", icc_profile=swapped_profile(1_600_000)), "image/png"),
    ],
    ids=["tiff", "avif", "cmyk", "huge profile"],
)
def test_f05_what_the_link_shows_is_what_browsers_can(
    api: Api, content: bytes, content_type: str
) -> None:
    url = api.upload(ContentFile(content, name="a.dat")).json()["data"]["url"]
    reply = Client().get(url)
    assert reply["Content-Type"] == content_type
    upload = Upload.objects.get()
    shown = reply.getvalue()
    assert (upload.size, upload.content_type) == (len(shown), content_type)
    assert url.endswith(Path(upload.file_name).suffix)
    assert Image.open(BytesIO(shown)).size == (upload.width, upload.height) == (400, 320)


@pytest.mark.django_db
def test_f05_an_iphones_photo_is_taken_in_the_studio(alice: Membership) -> None:
    pytest.importorskip("pi_heif")
    photo = Path(__file__).parents[1] / "decoders" / "turned.heic"
    client = Client(headers={TEAM_HEADER: alice.team.slug})
    client.force_login(alice.user)
    page = client.post(FRAME, {"first_frame_file": ContentFile(photo.read_bytes(), "IMG_1.HEIC")})
    assert ".jpg" in page.content.decode()
    upload = Upload.objects.get()
    assert (upload.content_type, upload.width, upload.height) == ("image/jpeg", 320, 400)


class Odd(AiVideoApi):
    """A vendor whose frames have nothing in common with the first one's."""

    name: ClassVar[str] = "odd"
    frames: ClassVar[FrameLimits] = FrameLimits(("image/avif",), 10**7, (300, 6000), (0.4, 2.5))


class Huge(Odd):
    """One that wants larger ones than the first takes."""

    frames: ClassVar[FrameLimits] = FrameLimits(("image/png",), 10**7, (8000, 9000), (0.4, 2.5))


class Shallow(Odd):
    """One that takes nothing that an image can be rewritten as."""

    frames: ClassVar[FrameLimits] = FrameLimits(("image/bmp",), 10**7, (300, 6000), (0.4, 2.5))


@pytest.mark.django_db
@pytest.mark.parametrize("vendor", [Odd, Huge, Shallow])
def test_f15_two_vendors_without_a_frame_in_common_are_said_and_are_no_error(
    alice: Membership, vendor: type[Odd], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VENDORS, "odd", vendor())
    model = VideoModel.objects.get()
    model.pk, model.name, model.vendor = None, "odd-1", "odd"
    model.save(force_insert=True)
    reply = Api(make_api_key(alice).text).upload(ContentFile(image_bytes("PNG"), name="a.png"))
    assert reply.status_code == 503
    assert "take none in common" in reply.json()["error"]["message"]
    client = Client(headers={TEAM_HEADER: alice.team.slug})
    client.force_login(alice.user)
    page = client.post(FRAME, {"first_frame_file": ContentFile(image_bytes("PNG"), "a.png")})
    assert page.status_code == 200
    assert "take none in common" in page.content.decode()
    assert not Upload.objects.exists()


@pytest.fixture
def both_slots() -> Iterator[None]:
    """Take all slots for the length of a test."""
    slots = [decoding_slot(wait_seconds=0.01) for _ in range(DECODED_AT_ONCE)]
    for slot in slots:
        slot.__enter__()
    yield
    for slot in slots:
        slot.__exit__(None, None, None)


@pytest.mark.usefixtures("both_slots")
def test_f17_few_pictures_are_decoded_at_once() -> None:
    with pytest.raises(Unavailable), decoding_slot(wait_seconds=0.01):
        pass


def test_f17_decoding_takes_no_memory_of_the_web() -> None:
    """Each of these fills a hundred megabytes once it is decoded: in a child, which ends."""
    content = large_png(6000)
    assert len(content) < 2_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def take(_: int) -> int:
        with prepared(BytesIO(content), len(content), LIMITS) as picture:
            return picture.width

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(take, range(4))) == [6000] * 4
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60_000, f"{grown} kB"
