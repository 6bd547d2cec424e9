"""The one reading of a request: from untrusted JSON to a frozen, priced-to-be `GenerationRequest`.

Portal, API, remix and every other door pass through `validate_request`, and the provider client
sends exactly what it returns, so that what is billed is what is sent (P19).
Source of fields, defaults and ranges: the vendor's page, as rows of the catalogue.
"""

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.models import Team
from generations.errors import ModelNotFound
from generations.models import Upload, VideoModel
from generations.models.generation import Mode
from generations.uploads.links import uploaded_token
from platform_site.errors import InvalidRequest
from platform_site.http.addresses import literal_address_problem

MAX_PROMPT_CHARACTERS = 10_000
SEED_RANGE = (-1, 2**32 - 1)

_TOP_FIELDS = ("model", "input", "callback_url")
_INPUT_FIELDS = (
    "prompt",
    "image_urls",
    "duration",
    "aspect_ratio",
    "ratio",
    "resolution",
    "generate_audio",
    "watermark",
    "camera_fixed",
    "seed",
)
_MODES = (Mode.TEXT, Mode.FIRST_FRAME, Mode.FIRST_LAST_FRAME)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One validated request with every default filled in. `duration` is in seconds."""

    model: str
    prompt: str
    image_urls: tuple[str, ...]
    duration: int
    aspect_ratio: str
    resolution: str
    generate_audio: bool
    watermark: bool
    camera_fixed: bool
    seed: int | None
    callback_url: str = ""

    @property
    def mode(self) -> Mode:
        """Return what the film starts from, by the number of images."""
        return _MODES[len(self.image_urls)]

    def body(self) -> dict[str, Any]:
        """Return the JSON body for the vendor; every billed parameter is always in it."""
        inputs: dict[str, Any] = {
            "prompt": self.prompt,
            "duration": self.duration,
            "aspect_ratio": self.aspect_ratio,
            "resolution": self.resolution,
            "generate_audio": self.generate_audio,
            "watermark": self.watermark,
            "camera_fixed": self.camera_fixed,
        }
        if self.image_urls:
            inputs["image_urls"] = list(self.image_urls)
        if self.seed is not None:
            inputs["seed"] = self.seed
        return {"model": self.model, "input": inputs}

    def fingerprint(self) -> str:
        """Return a SHA-256 over the whole request: equal requests, equal fingerprints."""
        whole = {**self.body(), "callback_url": self.callback_url}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def validate_request(payload: object, *, team: Team, now: datetime) -> GenerationRequest:
    """Read the JSON value `payload` in the vendor's shape.

    Raises `InvalidRequest`, whose `field` names the culprit, or `ModelNotFound`. Null in an
    optional field means left out. An unknown field is refused: a misspelt `resolution` would
    otherwise be billed at the default.
    """
    if not isinstance(payload, Mapping):
        raise InvalidRequest("The body must be a JSON object.")
    _refuse_unknown(payload, _TOP_FIELDS, prefix="")
    model = _catalogued(payload)
    inputs = payload.get("input")
    if inputs is None:
        raise InvalidRequest("'input' is required.", field="input")
    if not isinstance(inputs, Mapping):
        raise InvalidRequest("'input' must be an object.", field="input")
    for name in model.refused_fields:
        if inputs.get(name) is not None:
            raise InvalidRequest(f"'{name}' is not supported by this model.", field=name)
    _refuse_unknown(inputs, (*_INPUT_FIELDS, *model.refused_fields), prefix="input.")
    return GenerationRequest(
        model=model.name,
        prompt=_prompt(inputs),
        image_urls=_image_urls(inputs, model, team, now),
        duration=_duration(inputs, model),
        aspect_ratio=_aspect_ratio(inputs, model),
        resolution=_choice(inputs, "resolution", model.resolutions, model.default_resolution),
        generate_audio=_boolean(inputs, "generate_audio", default=True),
        watermark=_boolean(inputs, "watermark", default=False),
        camera_fixed=_boolean(inputs, "camera_fixed", default=False),
        seed=_seed(inputs),
        callback_url=_callback_url(payload),
    )


def _catalogued(payload: Mapping[str, Any]) -> VideoModel:
    name = payload.get("model")
    if name is None or name == "":
        raise InvalidRequest("'model' is required.", field="model")
    if not isinstance(name, str):
        raise InvalidRequest("'model' must be a string.", field="model")
    model = None
    if is_clean(name):
        model = VideoModel.objects.filter(name=name, active=True).first()
    if model is None:
        raise ModelNotFound(field="model")
    return model


def _refuse_unknown(fields: Mapping[str, Any], known: tuple[str, ...], *, prefix: str) -> None:
    for name in fields:
        if name in known:
            continue
        shown = str(name)[:60].encode("utf-8", "replace").decode()
        near = difflib.get_close_matches(shown, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise InvalidRequest(f"'{prefix}{shown}' is not a known field.{hint}", field=shown)


def _prompt(inputs: Mapping[str, Any]) -> str:
    prompt = inputs.get("prompt")
    if prompt is None:
        raise InvalidRequest("'input.prompt' is required.", field="prompt")
    if not isinstance(prompt, str):
        raise InvalidRequest("'input.prompt' must be a string.", field="prompt")
    if not prompt.strip():
        raise InvalidRequest("'input.prompt' must not be empty.", field="prompt")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(
            f"'input.prompt' has {len(prompt):,} characters; at most {MAX_PROMPT_CHARACTERS:,} "
            "are allowed.",
            field="prompt",
        )
    if not is_clean(prompt):
        raise InvalidRequest(
            "'input.prompt' holds a character that is not text (NUL or half a surrogate pair).",
            field="prompt",
        )
    return prompt


def is_clean(text: str) -> bool:
    """Return whether `text` can be stored and sent: no NUL, nothing UTF-8 cannot say."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _image_urls(
    inputs: Mapping[str, Any], model: VideoModel, team: Team, now: datetime
) -> tuple[str, ...]:
    images = inputs.get("image_urls")
    if images is None:
        return ()
    if not isinstance(images, list):
        raise InvalidRequest("'input.image_urls' must be an array.", field="image_urls")
    if len(images) > model.max_images:
        raise InvalidRequest(
            f"'input.image_urls' holds {len(images)} images; at most {model.max_images} "
            "are allowed.",
            field="image_urls",
        )
    return tuple(_image_url(image, index, team, now) for index, image in enumerate(images))


def _image_url(image: object, index: int, team: Team, now: datetime) -> str:
    where = f"'input.image_urls[{index}]'"
    if isinstance(image, Mapping):
        if set(image) != {"url"}:
            raise InvalidRequest(
                f"{where} must be a URL or an object with just 'url'.", field="image_urls"
            )
        image = image["url"]
    if not isinstance(image, str):
        raise InvalidRequest(f"{where} must be a URL.", field="image_urls")
    token = uploaded_token(image)
    if token is not None:
        uploads = Upload.objects.filter(team=team, token=token, expires_at__gt=now)
        if not uploads.filter(file_name__endswith=image.rpartition("/")[2]).exists():
            raise InvalidRequest(
                f"{where} is not a live upload of your team; upload the image again.",
                field="image_urls",
            )
        return image
    problem = literal_address_problem(image)
    if problem:
        raise InvalidRequest(
            f"{where}: only public HTTP(S) image URLs are supported ({problem})",
            field="image_urls",
        )
    return image


def _duration(inputs: Mapping[str, Any], model: VideoModel) -> int:
    value = inputs.get("duration")
    if value is None:
        return model.default_seconds
    low, high = model.min_seconds, model.max_seconds
    if type(value) is not int or not low <= value <= high:
        raise InvalidRequest(
            f"'input.duration' must be a whole number of seconds from {low} to {high}.",
            field="duration",
        )
    return value


def _aspect_ratio(inputs: Mapping[str, Any], model: VideoModel) -> str:
    ratio, alias = inputs.get("aspect_ratio"), inputs.get("ratio")
    if ratio is not None and alias is not None and ratio != alias:
        raise InvalidRequest(
            "'input.ratio' is an alias of 'input.aspect_ratio', and the two disagree.",
            field="aspect_ratio",
        )
    name = "aspect_ratio" if alias is None else "ratio"
    return _choice(inputs, name, model.aspect_ratios, model.default_aspect_ratio)


def _choice(inputs: Mapping[str, Any], name: str, choices: list[str], default: str) -> str:
    value = inputs.get(name)
    if value is None:
        return default
    if not isinstance(value, str) or value not in choices:
        field = "aspect_ratio" if name == "ratio" else name
        raise InvalidRequest(f"'input.{name}' must be one of {', '.join(choices)}.", field=field)
    return value


def _boolean(inputs: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = inputs.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidRequest(f"'input.{name}' must be true or false.", field=name)
    return value


def _seed(inputs: Mapping[str, Any]) -> int | None:
    value = inputs.get("seed")
    if value is None:
        return None
    low, high = SEED_RANGE
    if type(value) is not int or not low <= value <= high:
        raise InvalidRequest(f"'input.seed' must be an integer in [{low}, {high}].", field="seed")
    return value


def _callback_url(payload: Mapping[str, Any]) -> str:
    url = payload.get("callback_url")
    if url is None:
        return ""
    if not isinstance(url, str):
        raise InvalidRequest("'callback_url' must be a URL.", field="callback_url")
    problem = literal_address_problem(url, allow=frozenset(settings.OUTBOUND_ALLOW))
    if problem:
        raise InvalidRequest(
            f"'callback_url' must be a public HTTP(S) URL ({problem})", field="callback_url"
        )
    return url
