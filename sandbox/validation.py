"""The vendor's rules for a create call, field by field, from its page alone."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final, NoReturn

from yarl import URL

from sandbox.film.sizes import RATIOS, RESOLUTIONS
from sandbox.wire import MODEL, ApiError

UNSUPPORTED: Final = (
    "video_urls",
    "audio_urls",
    "generation_type",
    "web_search",
    "return_last_frame",
)
_DURATIONS: Final = range(4, 13)
_SEEDS: Final = range(-1, 4_294_967_296)
_MOST_IMAGES: Final = 2


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """Hold a valid create call with every default filled in; `seed` -1 asks for any."""

    model: str
    callback_url: str | None
    input_hash: str
    prompt: str
    image_urls: tuple[str, ...]
    duration: int
    aspect_ratio: str
    resolution: str
    generate_audio: bool
    watermark: bool
    camera_fixed: bool
    seed: int

    def as_json(self) -> str:
        """Return the fields a renderer needs."""
        fields = asdict(self)
        for name in ("model", "callback_url", "input_hash", "seed"):
            del fields[name]
        return json.dumps(fields)


def parse_create(raw: bytes) -> CreateRequest:
    """Check the body of a create call; raise ApiError with the vendor's code for what is wrong."""
    body = _read_json(raw)
    if not isinstance(body, dict):
        _refuse("The request body must be a JSON object.")
    model = body.get("model")
    if model is None or model == "":
        _refuse("'model' is required.")
    if not isinstance(model, str):
        _refuse("'model' must be a string.")
    if model != MODEL:
        raise ApiError("model_not_found", f"Model '{model[:100]}' does not exist or is inactive.")
    fields = body.get("input")
    if fields is None:
        _refuse("'input' is required.")
    if not isinstance(fields, dict):
        _refuse("'input' must be an object.")
    callback_url = body.get("callback_url")
    if callback_url is not None:
        callback_url = _http_url(callback_url, "callback_url")
    return _parse_input(model, callback_url, fields)


def _parse_input(model: str, callback_url: str | None, fields: dict[str, Any]) -> CreateRequest:
    for name in UNSUPPORTED:
        if fields.get(name) is not None:
            _refuse(f"'{name}' is not supported by this model.")
    return CreateRequest(
        model=model,
        callback_url=callback_url,
        input_hash=_hash_of(fields),
        prompt=_prompt(fields.get("prompt")),
        image_urls=_image_urls(fields.get("image_urls")),
        duration=_integer(fields, "duration", _DURATIONS, default=5),
        aspect_ratio=_aspect_ratio(fields),
        resolution=_choice(fields, "resolution", RESOLUTIONS) or "720p",
        generate_audio=_boolean(fields, "generate_audio", default=True),
        watermark=_boolean(fields, "watermark", default=False),
        camera_fixed=_boolean(fields, "camera_fixed", default=False),
        seed=_integer(fields, "seed", _SEEDS, default=-1),
    )


def _refuse(message: str) -> NoReturn:
    raise ApiError("invalid_request", message)


def _read_json(raw: bytes) -> Any:
    try:
        body = json.loads(raw, parse_constant=_no_constant)
        # A lone surrogate survives parsing and would break every encoder after it.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        _refuse("The request body is not valid JSON.")
    return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _hash_of(fields: dict[str, Any]) -> str:
    """Name an input: the same fields give the same name, whatever their order."""
    return sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _prompt(value: Any) -> str:
    if value is None or value == "":
        _refuse("'prompt' is required.")
    if not isinstance(value, str):
        _refuse("'prompt' must be a string.")
    if not value.strip():
        _refuse("'prompt' is required.")
    return value


def _image_urls(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        _refuse("'image_urls' must be an array.")
    if len(value) > _MOST_IMAGES:
        _refuse(f"'image_urls' accepts at most {_MOST_IMAGES} images.")
    return tuple(_image_url(item) for item in value)


def _image_url(item: Any) -> str:
    url = item.get("url") if isinstance(item, dict) else item
    return _http_url(url, "image_urls")


def _http_url(value: Any, name: str) -> str:
    """Return an absolute HTTP(S) URL as it was given."""
    if not isinstance(value, str):
        _refuse(f"'{name}' must be an HTTP(S) URL.")
    try:
        url = URL(value)
        usable = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        usable = False
    if not usable:
        _refuse(f"'{name}' must be an HTTP(S) URL.")
    return value


def _integer(fields: dict[str, Any], name: str, allowed: range, *, default: int) -> int:
    value = fields.get(name)
    if value is None:
        return default
    # A JSON true is an int to Python, and 5.0 is not an integer on the wire.
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(f"'{name}' must be an integer.")
    if value not in allowed:
        _refuse(f"'{name}' must be between {allowed[0]} and {allowed[-1]}.")
    return value


def _boolean(fields: dict[str, Any], name: str, *, default: bool) -> bool:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        _refuse(f"'{name}' must be a boolean.")
    return value


def _choice(fields: dict[str, Any], name: str, allowed: tuple[str, ...]) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in allowed:
        _refuse(f"'{name}' must be one of {', '.join(allowed)}.")
    return value


def _aspect_ratio(fields: dict[str, Any]) -> str:
    ratio = _choice(fields, "ratio", RATIOS)
    aspect_ratio = _choice(fields, "aspect_ratio", RATIOS)
    if ratio and aspect_ratio and ratio != aspect_ratio:
        _refuse("'ratio' and 'aspect_ratio' disagree.")
    return aspect_ratio or ratio or "16:9"
