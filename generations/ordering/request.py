"""Read a request: from untrusted JSON to a frozen `GenerationRequest`.

Portal, API, remix and every other door pass through `validate_request`, and the provider client
sends exactly what it returns, so that what is billed is what is sent (P19).
Source of fields, defaults and ranges: the vendor's page, as rows of the catalogue.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings

from accounts.models import Team
from generations.catalog import BadParameters, Parameter, Value, names_refused_by, parameters_of
from generations.errors import InvalidInput, ModelNotFound
from generations.models import Upload, VideoModel
from generations.models.generation import Mode
from generations.uploads import uploaded_token
from platform_site.errors import InvalidRequest
from platform_site.http.addresses import literal_address_problem

log = structlog.get_logger(__name__)

MAX_PROMPT_CHARACTERS = 10_000

_TOP_FIELDS = ("model", "input", "callback_url")
_INPUT_FIELDS = ("prompt", "image_urls")  # beside the parameters of the model
_MODES = (Mode.TEXT, Mode.FIRST_FRAME, Mode.FIRST_LAST_FRAME)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One validated request with every default filled in.

    `parameters` are those that the model is always sent, `options` those that were asked for.
    """

    model: str
    prompt: str
    image_urls: tuple[str, ...]
    parameters: Mapping[str, Value]
    options: Mapping[str, Value]
    callback_url: str = ""

    @property
    def mode(self) -> Mode:
        """Return what the film starts from, by the number of images."""
        return _MODES[len(self.image_urls)]

    @property
    def duration(self) -> int:
        """Return the length in seconds."""
        return int(self.parameters["duration"])

    @property
    def resolution(self) -> str:
        """Return the resolution."""
        return str(self.parameters["resolution"])

    @property
    def aspect_ratio(self) -> str:
        """Return the aspect ratio; "" for a model that takes none."""
        return str(self.parameters.get("aspect_ratio", ""))

    @property
    def generate_audio(self) -> bool:
        """Return whether sound was asked for; a model that has no such choice is priced silent."""
        return bool(self.parameters.get("generate_audio", False))

    def body(self) -> dict[str, Any]:
        """Return the JSON body for the vendor; every billed parameter is always in it."""
        inputs: dict[str, Any] = {"prompt": self.prompt, **self.parameters}
        if self.image_urls:
            inputs["image_urls"] = list(self.image_urls)
        return {"model": self.model, "input": {**inputs, **self.options}}

    def fingerprint(self) -> str:
        """Return a SHA-256 over the whole request: equal requests, equal fingerprints."""
        whole = {**self.body(), "callback_url": self.callback_url}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _parameters_of(model: VideoModel) -> tuple[Parameter, ...]:
    """Return what a model takes. Raises `ModelNotFound` while its row cannot be read."""
    try:
        return parameters_of(model)
    except BadParameters:
        log.exception("model_not_readable", model=model.name)
        raise ModelNotFound from None


def validate_request(payload: object, *, team: Team, now: datetime) -> GenerationRequest:
    """Read the JSON value `payload` in the vendor's shape.

    The model's row of the catalogue decides which parameters it takes. Raises `InvalidRequest`,
    whose `field` names the culprit, or `ModelNotFound`. Null in an optional field means left out.
    An unknown field is refused: a misspelt `resolution` would otherwise be billed at the default.
    """
    if not isinstance(payload, Mapping):
        raise InvalidRequest("The body must be a JSON object.")
    unknown = _unknown_in(payload, _TOP_FIELDS)
    if unknown:
        raise InvalidRequest(f"'{unknown[0]}' {unknown[1]}", field=unknown[0])
    catalogue = list(VideoModel.objects.all())
    model = _model_in(catalogue, payload)
    taken, refused = _parameters_of(model), names_refused_by(model, catalogue)
    inputs = payload.get("input")
    if inputs is None:
        raise InvalidRequest("'input' is required.", field="input")
    if not isinstance(inputs, Mapping):
        raise InvalidRequest("'input' must be an object.", field="input")
    for name in refused:
        if inputs.get(name) is not None:
            raise InvalidRequest(f"'{name}' is not supported by this model.", field=name)
    known = (*_INPUT_FIELDS, *(name for one in taken for name in one.names), *refused)
    unknown = _unknown_in(inputs, known)
    if unknown:
        raise InvalidInput(*unknown)
    prompt = _prompt(inputs)
    image_urls = _image_urls(inputs, model, team, now)
    values = [(one, one.value_in(inputs)) for one in taken]
    given = [(one, value) for one, value in values if value is not None]
    return GenerationRequest(
        model=model.name,
        prompt=prompt,
        image_urls=image_urls,
        parameters={one.name: value for one, value in given if not one.is_optional},
        options={one.name: value for one, value in given if one.is_optional},
        callback_url=_callback_url(payload),
    )


def _model_in(catalogue: Iterable[VideoModel], payload: Mapping[str, Any]) -> VideoModel:
    name = payload.get("model")
    if name is None or name == "":
        raise InvalidRequest("'model' is required.", field="model")
    if not isinstance(name, str):
        raise InvalidRequest("'model' must be a string.", field="model")
    for model in catalogue:
        if model.name == name and model.active:
            return model
    raise ModelNotFound(field="model")


def _unknown_in(fields: Mapping[str, Any], known: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the first field that is not known, and what to say of it; None if all are."""
    for name in fields:
        if name in known:
            continue
        shown = str(name)[:60].encode("utf-8", "replace").decode()
        near = difflib.get_close_matches(shown, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return shown, f"is not a known field.{hint}"
    return None


def _prompt(inputs: Mapping[str, Any]) -> str:
    prompt = inputs.get("prompt")
    if prompt is None:
        raise InvalidInput("prompt", "is required.")
    if not isinstance(prompt, str):
        raise InvalidInput("prompt", "must be a string.")
    if not prompt.strip():
        raise InvalidInput("prompt", "must not be empty.")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InvalidInput(
            "prompt",
            f"has {len(prompt):,} characters; at most {MAX_PROMPT_CHARACTERS:,} are allowed.",
        )
    if not is_plain_text(prompt):
        raise InvalidInput(
            "prompt", "holds a character that is not text (NUL or half a surrogate pair)."
        )
    return prompt


def is_plain_text(text: str) -> bool:
    """Return whether `text` can be stored and sent: no NUL, nothing UTF-8 cannot say."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _image_urls(
    inputs: Mapping[str, Any], model: VideoModel, team: Team, now: datetime
) -> tuple[str, ...]:
    images = inputs.get("image_urls")
    if images is None:
        return ()
    if not isinstance(images, list):
        raise InvalidInput("image_urls", "must be an array.")
    if len(images) > model.max_images:
        raise InvalidInput(
            "image_urls", f"holds {len(images)} images; at most {model.max_images} are allowed."
        )
    return tuple(_image_url(image, index, team, now) for index, image in enumerate(images))


def _image_url(image: object, index: int, team: Team, now: datetime) -> str:
    name = f"image_urls[{index}]"
    if isinstance(image, Mapping):
        if set(image) != {"url"}:
            raise InvalidInput(
                name, "must be a URL or an object with just 'url'.", field="image_urls"
            )
        image = image["url"]
    if not isinstance(image, str):
        raise InvalidInput(name, "must be a URL.", field="image_urls")
    token = uploaded_token(image)
    if token is not None:
        uploads = Upload.objects.live(now).filter(team=team, token=token)
        if not uploads.filter(file_name__endswith=image.rpartition("/")[2]).exists():
            raise InvalidInput(
                name,
                "is not a live upload of your team; upload the image again.",
                field="image_urls",
            )
        return image
    problem = literal_address_problem(image)
    if problem:
        raise InvalidInput(
            name,
            f"only public HTTP(S) image URLs are supported ({problem})",
            joint=": ",
            field="image_urls",
        )
    return image


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
