"""`validate_request`: refusals say the way out."""

from typing import Any

import pytest

from accounts.models import Team
from generations.errors import ModelNotFound
from generations.models import VideoModel
from generations.ordering.images import MAX_URL_CHARACTERS
from tests.support.api import MODEL, generation_body
from tests.support.validating import refusal, validated

pytestmark = pytest.mark.django_db

IMAGE = "https://example.com/a.jpg"


def presigned(length: int) -> str:
    """Return an address of so many characters."""
    url = "https://bucket.s3.amazonaws.com/frame.jpg?X-Amz-Signature="
    return url + "a" * (length - len(url))


@pytest.mark.parametrize(
    "name", ["prompt", "duration", "resolution", "image_urls", "ratio", "seed", "generate_audio"]
)
def test_f8_a_flat_body_is_told_that_it_belongs_in_input(team: Team, name: str) -> None:
    for body in ({"model": MODEL, name: 5}, {**generation_body(), name: 5}):
        error = refusal(team, body)
        assert error.message.startswith(f"'{name}' is not a known field. It belongs in 'input'")
        assert error.field == name


@pytest.mark.parametrize("name", ["model", "callback_url"])
def test_f8_what_belongs_beside_input_is_told_so(team: Team, name: str) -> None:
    message = refusal(team, generation_body() | {"input": {"prompt": "x", name: "y"}}).message
    assert message == f"'input.{name}' is not a known field. It belongs beside 'input', not in it."


@pytest.mark.parametrize(
    ("inputs", "top", "meant"),
    [
        ({"resolutoin": "480p"}, {}, "resolution"),
        ({"image_url": IMAGE}, {}, "image_urls"),
        ({"callback": IMAGE}, {}, "callback_url"),
        ({}, {"promt": "x"}, "input.prompt"),
        ({}, {"inputs": {}}, "input"),
        ({}, {"callbackUrl": IMAGE}, "callback_url"),
    ],
)
def test_f8_a_near_miss_is_named_whichever_level_it_stands_on(
    team: Team, inputs: dict[str, Any], top: dict[str, Any], meant: str
) -> None:
    message = refusal(team, generation_body(**inputs) | top).message
    assert message.endswith(f"Did you mean '{meant}'?")


def test_f8_an_unknown_model_is_told_which_there_are(team: Team) -> None:
    retired = VideoModel.objects.get(name=MODEL)
    retired.pk, retired.name, retired.active = None, "retired", False
    retired.save()
    with pytest.raises(ModelNotFound) as caught:
        validated(team, generation_body(model="seedance-1.5-pro"))
    assert caught.value.details == {"models": [MODEL]}


@pytest.mark.parametrize(
    "image",
    [
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/jpeg;base64," + "A" * 100_000,
        "iVBORw0KGgoAAAANSUhEUg==",
        "/home/ada/frame.png",
        "file:///home/ada/frame.png",
        "frame.png",
        "s3://bucket/frame.png",
        "blob:https://example.com/1",
        "http://192.168.1.2/frame.png",
        "http://localhost/frame.png",
        presigned(MAX_URL_CHARACTERS + 1),
    ],
    ids=lambda image: image[:30],
)
def test_f8_an_image_that_is_at_no_public_address_is_sent_to_uploads(
    team: Team, image: str
) -> None:
    for as_it_comes in (image, {"url": image}):
        error = refusal(team, generation_body(image_urls=[IMAGE, as_it_comes]))
        assert "POST /v1/uploads" in error.message
        assert "'input.image_urls[1]'" in error.message
        assert len(error.message) < 400


@pytest.mark.parametrize("length", [2_048, 2_049, 4_000, MAX_URL_CHARACTERS])
def test_f8_a_presigned_link_is_taken(team: Team, length: int) -> None:
    url = presigned(length)
    assert validated(team, generation_body(image_urls=[url, {"url": url}])).image_urls == (url, url)


def test_f8_a_long_address_of_ours_is_still_known_as_ours(team: Team, settings: Any) -> None:
    url = f"{settings.PUBLIC_URL}/healthz?" + "a" * 3_000
    assert "live upload" in refusal(team, generation_body(image_urls=[url])).message


@pytest.mark.parametrize(
    "name", ["role", "type", "Url", "url ", "real_persons", "\ud800", "x" * 99]
)
@pytest.mark.parametrize("index", [0, 1])
def test_f8_an_extra_key_of_an_image_is_named_with_its_place(
    team: Team, name: str, index: int
) -> None:
    images: list[Any] = [IMAGE, IMAGE]
    images[index] = {"url": IMAGE, name: "first"}
    error = refusal(team, generation_body(image_urls=images))
    shown = name[:60].encode("utf-8", "replace").decode()
    assert f"'input.image_urls[{index}].{shown}' is not a known field" in error.message


@pytest.mark.parametrize("name", ["href", "uri", "src", "URL", "image_url"])
def test_f8_an_image_under_another_name_is_told_the_right_one(team: Team, name: str) -> None:
    error = refusal(team, generation_body(image_urls=[{name: IMAGE}]))
    assert error.message.endswith("Did you mean 'url'?")


@pytest.mark.parametrize("said", [True, False, None])
def test_f8_real_person_is_taken_and_not_sent(team: Team, said: bool | None) -> None:
    with_it = generation_body(image_urls=[{"url": IMAGE, "real_person": said}])
    request = validated(team, with_it)
    assert request.image_urls == (IMAGE,)
    assert "real_person" not in str(request.body())
    plain = validated(team, generation_body(image_urls=[IMAGE]))
    assert request.fingerprint() == plain.fingerprint()


@pytest.mark.parametrize("said", ["true", 1, [], {}])
def test_f8_real_person_is_a_boolean(team: Team, said: object) -> None:
    error = refusal(team, generation_body(image_urls=[{"url": IMAGE, "real_person": said}]))
    assert "'input.image_urls[0].real_person' must be true or false." in error.message
