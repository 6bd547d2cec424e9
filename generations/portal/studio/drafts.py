"""The studio's form: what a person typed, word for word, and the API's payload made of it.

Nothing is judged here but the two frames' order: `validate_request` is the one judge.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from generations.models import Generation, Priority, VideoModel
from generations.ordering.request import MAX_PROMPT_CHARACTERS
from generations.portal.words import for_people
from generations.selectors import active_models
from generations.uploads.links import uploaded_token
from platform_site.errors import DailiesError, InvalidRequest

FRAMES = ("first_frame", "last_frame")
# Where an error of the API's field is shown on the form.
_PLACES = {"image_urls": "frames", "last_frame": "frames"}
_FIELDS = {
    "prompt",
    "duration",
    "resolution",
    "aspect_ratio",
    "seed",
    "model",
    "frames",
    "project",
    "priority",
}
_WHOLE = re.compile(r"-?[0-9]{1,15}\Z")
_TAKE = re.compile(r"([0-9]{1,4}),([a-z0-9]{1,10}),([01])\Z")


def fresh_key() -> str:
    """Return an idempotency key for one submission of the form."""
    return f"studio-{uuid4()}"


@dataclass
class Draft:
    """One filled form. Texts stay as they were typed, so that nothing is lost on an error."""

    model: VideoModel
    duration: str
    resolution: str
    aspect_ratio: str
    prompt: str = ""
    generate_audio: bool = True
    watermark: bool = False
    camera_fixed: bool = False
    seed: str = ""
    first_frame: str = ""
    last_frame: str = ""
    project: str = ""
    priority: str = str(Priority.NORMAL)
    remix_of: str = ""
    idempotency_key: str = field(default_factory=fresh_key)
    errors: dict[str, str] = field(default_factory=dict)
    refusal: DailiesError | None = None
    max_prompt: int = MAX_PROMPT_CHARACTERS

    def payload(self) -> dict[str, Any]:
        """Return the API's body for this form. Raises `InvalidRequest`."""
        if self.last_frame and not self.first_frame:
            raise InvalidRequest("A last frame needs a first frame too.", field="last_frame")
        inputs: dict[str, Any] = {
            "prompt": self.prompt,
            "duration": _whole(self.duration),
            "resolution": self.resolution,
            "aspect_ratio": self.aspect_ratio,
            "generate_audio": self.generate_audio,
            "watermark": self.watermark,
            "camera_fixed": self.camera_fixed,
        }
        frames = [url for url in (self.first_frame, self.last_frame) if url]
        if frames:
            inputs["image_urls"] = frames
        if self.seed.strip():
            inputs["seed"] = _whole(self.seed)
        return {"model": self.model.name, "input": inputs}

    def fit(self) -> "Draft":
        """Bring within the model what another model had allowed."""
        model = self.model
        if self.resolution not in model.resolutions:
            self.resolution = model.default_resolution
        if self.aspect_ratio not in model.aspect_ratios:
            self.aspect_ratio = model.default_aspect_ratio
        if _WHOLE.match(self.duration):
            self.duration = str(min(max(int(self.duration), model.min_seconds), model.max_seconds))
        if model.max_images < len(FRAMES):
            self.last_frame = ""
        if model.max_images == 0:
            self.first_frame = ""
        return self

    def refuse(self, error: DailiesError) -> None:
        """Keep an error to be shown: beside its field, or above the button."""
        place = _PLACES.get(error.field or "", error.field or "")
        if place in _FIELDS:
            self.errors[place] = for_people(error.message)
        else:
            self.refusal = error

    @property
    def extras_in_use(self) -> bool:
        """Return whether the folded part of the form holds anything to see."""
        is_moved = self.priority != str(Priority.NORMAL)
        is_wrong = bool({"seed", "priority"} & self.errors.keys())
        return bool(self.seed or self.watermark or self.camera_fixed or is_moved or is_wrong)

    @property
    def size(self) -> tuple[int, int] | None:
        """Return the pixels of the film as the catalogue knows them."""
        size = self.model.sizes.get(self.resolution, {}).get(self.aspect_ratio)
        return (size[0], size[1]) if size else None

    @property
    def frames(self) -> list["FrameSlot"]:
        """Return the slots that the model has for frames."""
        return slots_of([self.first_frame, self.last_frame])[: self.model.max_images]


@dataclass(frozen=True, slots=True)
class FrameSlot:
    """One place for an image, with what is in it or what was wrong with it."""

    name: str
    url: str = ""
    error: str = ""

    @property
    def title(self) -> str:
        """Return its name for people."""
        return "First frame" if self.name == "first_frame" else "Last frame"

    @property
    def preview(self) -> str:
        """Return a path on this site that shows the image; "" for images elsewhere."""
        return urlsplit(self.url).path if self.url and uploaded_token(self.url) else ""

    @property
    def host(self) -> str:
        """Return where an image elsewhere lies."""
        return urlsplit(self.url).netloc if self.url else ""


def slots_of(images: list[str]) -> list[FrameSlot]:
    """Return the first and the last frame as slots, whatever is in them."""
    return [FrameSlot(name, url) for name, url in zip(FRAMES, [*images, "", ""], strict=False)]


def blank_draft(model: VideoModel) -> Draft:
    """Return the form with the model's defaults."""
    return Draft(
        model=model,
        duration=str(model.default_seconds),
        resolution=model.default_resolution,
        aspect_ratio=model.default_aspect_ratio,
    )


def typed_draft(posted: Mapping[str, str]) -> Draft | None:
    """Read the posted form; None when no model can be ordered.

    A refusal's variant comes as `take`: seconds, resolution and sound in place of the typed ones.
    """
    model = model_named(posted.get("model", ""))
    if model is None:
        return None
    start = blank_draft(model)
    draft = Draft(
        model=model,
        duration=posted.get("duration", start.duration),
        resolution=posted.get("resolution", start.resolution),
        aspect_ratio=posted.get("aspect_ratio", start.aspect_ratio),
        prompt=posted.get("prompt", "").replace("\r\n", "\n"),
        generate_audio="generate_audio" in posted,
        watermark="watermark" in posted,
        camera_fixed="camera_fixed" in posted,
        seed=posted.get("seed", ""),
        first_frame=posted.get("first_frame", ""),
        last_frame=posted.get("last_frame", ""),
        project=posted.get("project", "").replace("\0", ""),
        priority=posted.get("priority", str(Priority.NORMAL)),
        remix_of=posted.get("remix_of", ""),
        idempotency_key=posted.get("idempotency_key", "")[:200] or fresh_key(),
    )
    take = _TAKE.match(posted.get("take", ""))
    if take:
        draft.duration, draft.resolution, draft.generate_audio = take[1], take[2], take[3] == "1"
    return draft


def remix_draft(generation: Generation) -> Draft | None:
    """Return the form filled from a generation's normalised request (P40)."""
    model = model_named(generation.model)
    if model is None:
        return None
    inputs = generation.body["input"]
    images = [*inputs.get("image_urls", []), "", ""]
    return Draft(
        model=model,
        duration=str(inputs["duration"]),
        resolution=inputs["resolution"],
        aspect_ratio=inputs["aspect_ratio"],
        prompt=inputs["prompt"],
        generate_audio=inputs["generate_audio"],
        watermark=inputs["watermark"],
        camera_fixed=inputs["camera_fixed"],
        seed=str(inputs.get("seed", "")),
        first_frame=images[0],
        last_frame=images[1],
        project=_open_project(generation),
        remix_of=str(generation.id),
    ).fit()


def _open_project(generation: Generation) -> str:
    project = generation.project
    return project.slug if project is not None and project.archived_at is None else ""


def model_named(name: str) -> VideoModel | None:
    """Return the active model of that name, else the first active one."""
    models = list(active_models())
    return next((model for model in models if model.name == name), models[0] if models else None)


def _whole(text: str) -> int | str:
    """Return a typed number as one; anything else as it is, for the judge to refuse."""
    stripped = text.strip()
    return int(stripped) if _WHOLE.match(stripped) else text
