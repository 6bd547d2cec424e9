"""Read a request: from untrusted JSON to a frozen `GenerationRequest`.

Portal, API, remix and every other door pass through `validate_request`, and the provider client
sends exactly what it returns, so that what is billed is what is sent (P19).
Source of fields, defaults and ranges: the vendor's page, as rows of the catalogue.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings

from accounts.models import Team
from generations.catalog import (
    BadParameters,
    Parameter,
    ParameterValue,
    models_of_site,
    names_refused_by,
    parameters_of,
    readable_parameters_of,
)
from generations.errors import InvalidInput, ModelNotFound
from generations.models import VideoModel
from generations.models.generation import Mode
from generations.ordering.images import read_image_urls
from platform_site.db.catalogue import Catalogue
from platform_site.errors import InvalidRequest
from platform_site.http.addresses import literal_address_problem
from platform_site.text.visible import is_blank

log = structlog.get_logger(__name__)

MAX_PROMPT_CHARACTERS = 10_000
_NO_TEXT = "holds a character that is not text (NUL or half a surrogate pair)."

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
    parameters: Mapping[str, ParameterValue]
    options: Mapping[str, ParameterValue]
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


def validate_request(
    payload: object, *, team: Team, now: datetime, known: Catalogue | None = None
) -> GenerationRequest:
    """Read the JSON value `payload` in the vendor's shape.

    The model's row, of the catalogue `known` or the present one, decides which parameters it takes.
    Raises `InvalidRequest`, whose `field` names the culprit, or `ModelNotFound`. Null in an
    optional field means left out. An unknown field is refused: a misspelt `resolution` would
    otherwise be billed at the default.
    """
    if not isinstance(payload, Mapping):
        raise InvalidRequest("The body must be a JSON object.")
    models = models_of_site(known)
    _refuse_unknown(payload, _TOP_FIELDS, below=_input_names(models))
    model = _model_in(models, payload)
    taken, refused = _parameters_of(model), names_refused_by(model, models)
    inputs = payload.get("input")
    if inputs is None:
        raise InvalidRequest("'input' is required.", field="input")
    if not isinstance(inputs, Mapping):
        raise InvalidRequest("'input' must be an object.", field="input")
    for name in refused:
        if inputs.get(name) is not None:
            raise InvalidRequest(f"'{name}' is not supported by this model.", field=name)
    fields = (*_INPUT_FIELDS, *(name for one in taken for name in one.names), *refused)
    _refuse_unknown(inputs, fields, above=_TOP_FIELDS)
    prompt = _prompt(inputs)
    image_urls = read_image_urls(inputs, model=model, team=team, now=now)
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


def read_reason(payload: object) -> str:
    """Read the JSON value `payload` of whoever approves, denies or cancels: an optional `reason`.

    Raises `InvalidRequest` as `validate_request` does: a reason under another name would be lost.
    """
    if not isinstance(payload, Mapping):
        raise InvalidRequest("The body must be a JSON object, or empty.", field="reason")
    _refuse_unknown(payload, ("reason",))
    reason = payload.get("reason")
    if reason is None:
        return ""
    if not isinstance(reason, str):
        raise InvalidRequest("'reason' must be a string.", field="reason")
    if not _is_plain_text(reason):
        raise InvalidRequest(f"'reason' {_NO_TEXT}", field="reason")
    return reason


def _model_in(models: Sequence[VideoModel], payload: Mapping[str, Any]) -> VideoModel:
    name = payload.get("model")
    if name is None or name == "":
        raise InvalidRequest("'model' is required.", field="model")
    if not isinstance(name, str):
        raise InvalidRequest("'model' must be a string.", field="model")
    for model in models:
        if model.name == name and model.active:
            return model
    names = sorted(model.name for model in models if model.active)
    raise ModelNotFound(field="model", details={"models": names})


def _input_names(models: Iterable[VideoModel]) -> tuple[str, ...]:
    """Return every name that the `input` of some model has."""
    parameters = (one for model in models for one in readable_parameters_of(model))
    return (*_INPUT_FIELDS, *dict.fromkeys(name for one in parameters for name in one.names))


def _refuse_unknown(
    fields: Mapping[str, Any],
    known: tuple[str, ...],
    *,
    above: tuple[str, ...] = (),
    below: tuple[str, ...] = (),
) -> None:
    """Raise `InvalidRequest` for a field that is not known, and say what may be meant.

    `above` are the names that belong beside `input`, `below` those that belong in it.
    """
    for name in fields:
        if name in known:
            continue
        shown = str(name)[:60].encode("utf-8", "replace").decode()
        if name in below:
            hint = f' It belongs in \'input\': {{"input": {{"{shown}": …}}}}.'
        elif name in above:
            hint = " It belongs beside 'input', not in it."
        else:
            hint = _near_miss(shown, known) or _near_miss(
                shown, [*above, *(f"input.{one}" for one in below)]
            )
        says = f"is not a known field.{hint}"
        if above:
            raise InvalidInput(shown, says)
        raise InvalidRequest(f"'{shown}' {says}", field=shown)


def _near_miss(shown: str, names: Iterable[str]) -> str:
    """Return a hint at the name that is nearly what was written; names may have a path."""
    by_end = {name.rpartition(".")[2]: name for name in names}
    near = difflib.get_close_matches(shown, by_end, n=1)
    return f" Did you mean '{by_end[near[0]]}'?" if near else ""


def _prompt(inputs: Mapping[str, Any]) -> str:
    prompt = inputs.get("prompt")
    if prompt is None:
        raise InvalidInput("prompt", "is required.")
    if not isinstance(prompt, str):
        raise InvalidInput("prompt", "must be a string.")
    if is_blank(prompt):
        raise InvalidInput("prompt", "must not be empty.")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise InvalidInput(
            "prompt",
            f"has {len(prompt):,} characters; at most {MAX_PROMPT_CHARACTERS:,} are allowed.",
        )
    if not _is_plain_text(prompt):
        raise InvalidInput("prompt", _NO_TEXT)
    return prompt


def _is_plain_text(text: str) -> bool:
    """Return whether `text` can be stored and sent: no NUL, nothing UTF-8 cannot say."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


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
