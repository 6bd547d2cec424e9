"""A frame's shape against the order's: the nearest ratio, and the crop that is shown (F6)."""

import json
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership
from generations.models import Upload, VideoModel
from generations.portal.studio.crops import Crop, crop_of, nearest_ratio
from generations.uploads.links import upload_url
from tests.factories import image_bytes
from tests.generations.portal.conftest import SignIn
from tests.generations.portal.studio.test_studio import HTMX, typed
from tests.support.catalogue import change_parameter

RATIOS = ["16:9", "4:3", "1:1", "3:4", "9:16", "21:9"]


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ((900, 1600), "9:16"),
        ((1600, 900), "16:9"),
        ((1000, 1000), "1:1"),
        ((1200, 1000), "4:3"),
        ((3000, 1000), "21:9"),
        ((310, 6000), "9:16"),
    ],
)
def test_f06_the_nearest_ratio_is_that_of_the_picture(size: tuple[int, int], ratio: str) -> None:
    assert nearest_ratio(*size, [*RATIOS, "adaptive", "0:1"]) == ratio


def test_f06_without_ratios_none_is_the_nearest() -> None:
    assert nearest_ratio(900, 1600, ["adaptive"]) == ""


def test_f06_the_crop_is_what_the_film_has_room_for() -> None:
    assert crop_of(900, 1600, "16:9") == Crop(900, 1600, 900, 506)
    tall = crop_of(1600, 900, "9:16")
    assert tall == Crop(1600, 900, 506, 900)
    assert (tall.left, tall.top, tall.percent) == (547, 0, 68)
    for fits in ("16:9", "adaptive", "0:9", ""):
        assert crop_of(1600, 900, fits) is None
    assert crop_of(1280, 719, "16:9") is None  # as good as all


def upload(client: Client, name: str, size: tuple[int, int], **more: str) -> Any:
    file = BytesIO(image_bytes("PNG", size))
    file.name = "frame.png"
    form = {f"{name}_file": file, "model": "doubao-seedance-1.5-pro", **more}
    return client.post(f"/studio/frames/{name}/", form, headers=HTMX)


def told(reply: Any) -> Any:
    return json.loads(reply["HX-Trigger-After-Settle"])["dailies:frame"]


@pytest.mark.django_db
class TestForm:
    def test_f06_a_first_frame_names_its_ratio(self, bob: Membership, sign_in: SignIn) -> None:
        client = sign_in(bob)
        assert told(upload(client, "first_frame", (900, 1600))) == {"ratio": "9:16"}
        assert told(upload(client, "last_frame", (900, 1600))) == {"ratio": ""}
        assert told(client.post("/studio/frames/first_frame/", headers=HTMX)) == {"ratio": ""}

    def test_f06_a_model_without_ratios_names_none(self, bob: Membership, sign_in: SignIn) -> None:
        model = VideoModel.objects.get()
        change_parameter(model, "aspect_ratio", choices=["adaptive"], default="adaptive")
        model.save()
        assert told(upload(sign_in(bob), "first_frame", (900, 1600))) == {"ratio": ""}

    def test_f06_the_form_says_what_is_cut_off(self, bob: Membership, sign_in: SignIn) -> None:
        client = sign_in(bob)
        upload(client, "first_frame", (900, 1600))
        frame = {"first_frame": upload_url(Upload.objects.get())}
        page = client.post("/studio/price/", typed(bob, **frame), headers=HTMX).content.decode()
        assert "900 × 1600 pixels. At 16:9, about" in page
        assert "68% of it is cut off" in " ".join(page.split())
        fitting = typed(bob, **frame, aspect_ratio="9:16")
        page = client.post("/studio/price/", fitting, headers=HTMX).content.decode()
        assert "cut off" not in page

    def test_p32_a_strangers_upload_has_no_size(
        self, bob: Membership, charlie: Membership, sign_in: SignIn
    ) -> None:
        upload(sign_in(charlie), "first_frame", (900, 1600))
        frame = {"first_frame": upload_url(Upload.objects.get())}
        page = sign_in(bob).post("/studio/price/", typed(bob, **frame), headers=HTMX)
        assert b"cut off" not in page.content
