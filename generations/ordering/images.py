"""Images to start and end a film with: which addresses a request may name."""

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.models import Team
from generations.errors import InvalidInput
from generations.models import Upload, VideoModel
from generations.uploads import upload_url, uploaded_token
from platform_site.http.addresses import is_within_reach, literal_address_problem

# Presigned links are longer than 2,048 characters; the request is kept as JSON, which has no bound.
MAX_URL_CHARACTERS = 8_192
_FIELD = "image_urls"
_WAY_OUT = "Upload the image with POST /v1/uploads and use the link that it returns."
_MAX_SHOWN = 60
_NAMES_OF_URL = frozenset({"href", "src", "uri", "link", "image", "image_url"})


def read_image_urls(
    inputs: Mapping[str, Any], *, model: VideoModel, team: Team, now: datetime
) -> tuple[str, ...]:
    """Return the images of a request's `input`, as addresses: public ones, and the team's uploads.

    Raises `InvalidInput`, which names the image and the way out.
    """
    images = inputs.get(_FIELD)
    if images is None:
        return ()
    if not isinstance(images, list):
        raise InvalidInput(_FIELD, "must be an array.")
    if len(images) > model.max_images:
        raise InvalidInput(
            _FIELD, f"holds {len(images)} images; at most {model.max_images} are allowed."
        )
    return tuple(
        _address(image, f"{_FIELD}[{index}]", team, now) for index, image in enumerate(images)
    )


def require_reachable(image_urls: Iterable[str], *, endpoint: str) -> None:
    """Raise `InvalidInput` for an upload that the vendor at `endpoint` cannot fetch from here."""
    if is_within_reach(settings.PUBLIC_URL, of=endpoint):
        return
    for index, url in enumerate(image_urls):
        if uploaded_token(url) is not None:
            raise _refused(
                f"{_FIELD}[{index}]",
                "cannot be fetched by the vendor: this site's own address, "
                f"{settings.PUBLIC_URL}, is not a public one. Use an image that is at a public "
                "address, or have the operator set PUBLIC_URL.",
            )


def _address(image: object, where: str, team: Team, now: datetime) -> str:
    if isinstance(image, Mapping):
        image = _url_of(image, where)
    if not isinstance(image, str):
        raise _refused(where, "must be a URL, or an object with 'url'.")
    token = uploaded_token(image)
    if token is not None:
        upload = Upload.objects.live(now).filter(team=team, token=token).first()
        if upload is None:
            raise _refused(where, "is not a live upload of your team; upload the image again.")
        return upload_url(upload)
    if len(image) > MAX_URL_CHARACTERS and image.lower().startswith(("http://", "https://")):
        raise _refused(
            where,
            f"has {len(image):,} characters; at most {MAX_URL_CHARACTERS:,} are allowed. "
            f"{_WAY_OUT}",
        )
    problem = literal_address_problem(image[: MAX_URL_CHARACTERS + 1], max_length=len(image))
    if problem:
        raise _refused(
            where,
            f"only public HTTP(S) image URLs are supported ({problem}) {_WAY_OUT}",
            joint=": ",
        )
    return image


def _url_of(image: Mapping[str, Any], where: str) -> object:
    """Return an image object's `url`.

    Public clients of the vendor send a boolean `real_person` beside it. Nothing here depends on it,
    and the vendor's page does not know it: it is taken and not sent.
    """
    for name, value in image.items():
        if name == "real_person":
            if value is not None and not isinstance(value, bool):
                raise _refused(f"{where}.real_person", "must be true or false.")
        elif name != "url":
            shown = str(name)[:_MAX_SHOWN].encode("utf-8", "replace").decode()
            near = (
                difflib.get_close_matches(shown.lower(), ("url",), n=1)
                or shown.lower() in _NAMES_OF_URL
            )
            hint = " Did you mean 'url'?" if near and "url" not in image else ""
            raise _refused(
                f"{where}.{shown}", f"is not a known field; an image has just a 'url'.{hint}"
            )
    if image.get("url") is None:
        raise _refused(f"{where}.url", "is required.")
    if not isinstance(image["url"], str):
        raise _refused(f"{where}.url", "must be a URL.")
    return image["url"]


def _refused(name: str, says: str, *, joint: str = " ") -> InvalidInput:
    return InvalidInput(name, says, joint=joint, field=_FIELD)
