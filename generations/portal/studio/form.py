"""The studio's form: what a person typed, word for word, and the API's payload made of it.

It comes from a browser, from a draft's row, from an earlier film, or from what was used last.

Nothing is judged here but the two frames' order: `validate_request` is the one judge.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from accounts.models import Membership, Project
from generations.catalog import (
    Boolean,
    Choice,
    Parameter,
    Placement,
    WholeNumber,
    orderable_models,
    parameters_of,
)
from generations.drafts import DraftContent, PageState, fresh_key
from generations.errors import InvalidInput
from generations.models import Draft, Generation, Priority, VideoModel
from generations.ordering import MAX_PROMPT_CHARACTERS, orderable_priorities
from generations.portal.studio.controls import OFF, ON, Control, controls_of, text_of
from generations.portal.studio.crops import Crop
from generations.uploads import uploaded_token
from platform_site.errors import DailiesError, InvalidRequest
from platform_site.text.visible import is_blank

FRAMES = ("first_frame", "last_frame")
# Where an error of the API's field is shown on the form.
_PLACES = {"image_urls": "frames", "last_frame": "frames"}
_FIELDS = {"prompt", "model", "frames", "project", "priority"}
# What the form calls the API's inputs; parameters have labels.
_SUBJECTS = {
    "prompt": "The prompt",
    "image_urls": "The list of frames",
    "image_urls[0]": "The first frame",
    "image_urls[1]": "The last frame",
}
_SEQUENCE = re.compile(r"[0-9]{1,9}\Z")
_WHOLE = re.compile(r"-?[0-9]{1,15}\Z")
_TAKE = re.compile(r"([0-9]{1,4}),(.{1,10}),([01])\Z")


@dataclass
class StudioForm:
    """One filled form. Texts stay as they were typed, so that nothing is lost on an error.

    `typed` holds the model's parameters by name; a hidden one only when it came with the form.
    `token` names its draft, `state` the page that shows it, `sent_as` the film that a form with its
    idempotency key was submitted as before.
    """

    model: VideoModel
    typed: dict[str, str]
    prompt: str = ""
    first_frame: str = ""
    last_frame: str = ""
    project: str = ""
    priority: str = str(Priority.NORMAL)
    remix_of: str = ""
    idempotency_key: str = field(default_factory=fresh_key)
    token: str = field(default_factory=lambda: str(uuid4()))
    state: PageState = field(default_factory=lambda: PageState(uuid4().hex))
    sent_as: Generation | None = None
    errors: dict[str, str] = field(default_factory=dict)
    refusal: DailiesError | None = None
    max_prompt: int = MAX_PROMPT_CHARACTERS

    def __post_init__(self) -> None:
        """Read the model's parameters once."""
        self.parameters = parameters_of(self.model)

    def payload(self) -> dict[str, Any]:
        """Return the API's body for this form. Raises `InvalidRequest`."""
        if self.last_frame and not self.first_frame:
            raise InvalidRequest("A last frame needs a first frame too.", field="last_frame")
        inputs: dict[str, Any] = {"prompt": self.prompt}
        for parameter in self.parameters:
            text = self.typed.get(parameter.name)
            if text is not None and (not is_blank(text) or not parameter.is_optional):
                inputs[parameter.name] = _value_of(parameter, text)
        frames = [url for url in (self.first_frame, self.last_frame) if url]
        if frames:
            inputs["image_urls"] = frames
        return {"model": self.model.name, "input": inputs}

    def content(self, remix_of: Generation | None = None) -> DraftContent:
        """Return what a draft keeps of it, with the film that it is a remix of."""
        settings = {"model": self.model.name, "project": self.project, "priority": self.priority}
        return DraftContent(
            prompt=self.prompt,
            first_frame=self.first_frame,
            last_frame=self.last_frame,
            settings=settings | self.typed,
            remix_of=remix_of,
            key=self.idempotency_key,
        )

    def belong_to(self, draft: Draft) -> None:
        """Go on as the form of a draft, whose next submission has the draft's own key."""
        self.token, self.idempotency_key = str(draft.token), draft.idempotency_key

    def fit(self) -> "StudioForm":
        """Bring within the model what another model had allowed."""
        for parameter in self.parameters:
            if parameter.name in self.typed:
                self.typed[parameter.name] = _fitting(parameter, self.typed[parameter.name])
        if self.model.max_images < len(FRAMES):
            self.last_frame = ""
        if self.model.max_images == 0:
            self.first_frame = ""
        return self

    def refuse(self, error: DailiesError) -> None:
        """Keep an error to be shown: beside its field, or above the button."""
        place = _PLACES.get(error.field or "", error.field or "")
        if place in _FIELDS or place in self._shown:
            self.errors[place] = self.in_words(error)
        else:
            self.refusal = error

    def in_words(self, error: DailiesError) -> str:
        """Return an error in the words of this form."""
        if not isinstance(error, InvalidInput):
            return error.message
        subjects = _SUBJECTS | {
            name: f"The {one.label[:1].lower()}{one.label[1:]}"
            for one in self.parameters
            for name in one.names
        }
        return error.about(subjects.get(error.name, f"“{error.name}”"))

    @property
    def main_controls(self) -> list[Control]:
        """Return the controls that are always in sight."""
        return self._controls_at(Placement.MAIN)

    @property
    def advanced_controls(self) -> list[Control]:
        """Return the controls of the folded part."""
        return self._controls_at(Placement.ADVANCED)

    @property
    def hidden_values(self) -> dict[str, str]:
        """Return what the form carries along unseen."""
        hidden = (one.name for one in self.parameters if one.place == Placement.HIDDEN)
        return {name: self.typed[name] for name in hidden if name in self.typed}

    @property
    def shown_names(self) -> str:
        """Return the names of all controls, for the form to say which it has."""
        return ",".join(self._shown)

    @property
    def extras_in_use(self) -> bool:
        """Return whether the folded part of the form holds anything to see."""
        is_moved = self.priority != str(Priority.NORMAL) or "priority" in self.errors
        return is_moved or any(control.is_touched for control in self.advanced_controls)

    @property
    def frames(self) -> list["FrameSlot"]:
        """Return the slots that the model has for frames."""
        return slots_of([self.first_frame, self.last_frame])[: self.model.max_images]

    @property
    def _shown(self) -> list[str]:
        return [one.name for one in self.parameters if one.place != Placement.HIDDEN]

    def _controls_at(self, place: Placement) -> list[Control]:
        controls = controls_of(self.parameters, self.typed, self.errors)
        return [control for control in controls if control.parameter.place == place]


@dataclass(frozen=True, slots=True)
class FrameSlot:
    """One place for an image, with what is in it or what was wrong with it."""

    name: str
    url: str = ""
    error: str = ""
    crop: Crop | None = None

    @property
    def title(self) -> str:
        """Return its name for people."""
        return "First frame" if self.name == "first_frame" else "Last frame"

    @property
    def preview(self) -> str:
        """Return a path on this site that shows the image; "" for images elsewhere."""
        return urlsplit(self.url).path if uploaded_token(self.url) else ""

    @property
    def host(self) -> str:
        """Return where an image elsewhere lies; "" for an address that cannot be read."""
        try:
            return urlsplit(self.url).netloc
        except ValueError:
            return ""


def slots_of(images: list[str]) -> list[FrameSlot]:
    """Return the first and the last frame as slots, whatever is in them."""
    return [FrameSlot(name, url) for name, url in zip(FRAMES, [*images, "", ""], strict=False)]


def blank_form(model: VideoModel) -> StudioForm:
    """Return the form with the model's defaults."""
    shown = [one for one in parameters_of(model) if one.place != Placement.HIDDEN]
    return StudioForm(model=model, typed={one.name: text_of(one.default) for one in shown})


def typed_form(posted: Mapping[str, str]) -> StudioForm | None:
    """Read the posted form; None when no model is available.

    A refusal's variant comes as `take`: seconds, resolution and sound in place of the typed ones.
    """
    model = model_named(posted.get("model", ""))
    if model is None:
        return None
    count = posted.get("draft_sequence", "")
    form = StudioForm(
        model=model,
        typed=_typed_parameters(posted, parameters_of(model)),
        prompt=posted.get("prompt", "").replace("\r\n", "\n"),
        first_frame=posted.get("first_frame", ""),
        last_frame=posted.get("last_frame", ""),
        project=posted.get("project", "").replace("\0", ""),
        priority=posted.get("priority", str(Priority.NORMAL)),
        # The page links to it: an id has no slash, and without one any text makes an address.
        remix_of=posted.get("remix_of", "").replace("/", ""),
        idempotency_key=posted.get("idempotency_key", "").replace("\0", "")[:200] or fresh_key(),
        token=posted.get("draft", "")[:40] or str(uuid4()),
        state=PageState(
            page=posted.get("draft_page", "")[:40] or uuid4().hex,
            based_on=posted.get("draft_based_on", "")[:40],
            sequence=int(count) if _SEQUENCE.match(count) else 0,
        ),
    )
    take = _TAKE.match(posted.get("take", ""))
    if take:
        sound = ON if take[3] == "1" else OFF
        form.typed |= {"duration": take[1], "resolution": take[2], "generate_audio": sound}
    return form


def drafted_form(draft: Draft) -> StudioForm | None:
    """Return the form as a draft has it; None when no model is available."""
    texts = {
        "prompt": draft.prompt,
        "first_frame": draft.first_frame,
        "last_frame": draft.last_frame,
        "remix_of": str(draft.remix_of_id or ""),
        "idempotency_key": draft.idempotency_key,
        "draft": str(draft.token),
        "draft_based_on": draft.page,
    }
    return _kept_form(draft.settings, texts)


def remembered_form(settings: Mapping[str, str], *, membership: Membership) -> StudioForm | None:
    """Return an empty form with settings that were used before, as far as they still are any;
    None when no model is available.
    """
    form = _kept_form(settings, {})
    if form is None:
        return None
    projects = Project.objects.filter(team=membership.team, archived_at=None)
    if form.project and not projects.filter(slug=form.project).exists():
        form.project = ""
    if form.priority not in {str(one.value) for one in orderable_priorities(membership)}:
        form.priority = str(Priority.NORMAL)
    return form.fit()


def _kept_form(settings: Mapping[str, str], texts: Mapping[str, str]) -> StudioForm | None:
    """Read kept texts as a posted form; settings that a model has gained have its defaults."""
    form = typed_form({**settings, **texts, "shown": ",".join(settings)})
    if form is not None and form.model.name != settings.get("model"):
        form.fit()
    return form


def remix_form(generation: Generation) -> StudioForm | None:
    """Return the form filled from a generation's normalised request (P40)."""
    model = model_named(generation.model)
    if model is None:
        return None
    inputs = generation.body["input"]
    images = [*inputs.get("image_urls", []), "", ""]
    form = blank_form(model)
    for parameter in form.parameters:
        if parameter.name in inputs:
            form.typed[parameter.name] = text_of(inputs[parameter.name])
    form.prompt = inputs["prompt"]
    form.first_frame, form.last_frame = images[0], images[1]
    form.project = _open_project(generation)
    form.remix_of = str(generation.id)
    return form.fit()


def _typed_parameters(
    posted: Mapping[str, str], parameters: tuple[Parameter, ...]
) -> dict[str, str]:
    """Return what was typed. A switch that is off posts nothing, and neither does a control that
    the form did not have: `shown` tells the two apart when somebody chooses another model.
    """
    shown = posted["shown"].split(",") if "shown" in posted else None
    typed = {}
    for one in parameters:
        if one.name in posted:
            typed[one.name] = posted[one.name]
        elif one.place != Placement.HIDDEN:
            is_off = isinstance(one, Boolean) and (shown is None or one.name in shown)
            typed[one.name] = OFF if is_off else text_of(one.default)
    return typed


def _fitting(parameter: Parameter, text: str) -> str:
    if isinstance(parameter, Choice):
        return text if text in parameter.choices else text_of(parameter.default)
    if isinstance(parameter, WholeNumber) and not parameter.is_optional and _WHOLE.match(text):
        return str(min(max(int(text), parameter.low), parameter.high))
    return text


def _value_of(parameter: Parameter, text: str) -> bool | int | str:
    """Return a typed text as the API has it; what is none stays text, for the judge to refuse."""
    if isinstance(parameter, Boolean):
        return {ON: True, OFF: False}.get(text, text)
    return _whole(text) if isinstance(parameter, WholeNumber) else text


def _open_project(generation: Generation) -> str:
    project = generation.project
    return project.slug if project is not None and project.archived_at is None else ""


def model_named(name: str) -> VideoModel | None:
    """Return the active model of that name, else the first active one."""
    models = orderable_models()
    return next((model for model in models if model.name == name), models[0] if models else None)


def _whole(text: str) -> int | str:
    """Return a typed number as one; anything else as it is, for the judge to refuse."""
    stripped = text.strip()
    return int(stripped) if _WHOLE.match(stripped) else text
