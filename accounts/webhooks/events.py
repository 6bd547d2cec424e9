"""The events that webhooks announce: a class an event, with its payload, its words and its subject.

One more event is a class here, and a call of `outbox.publish_event` where it happens. The fields of
a class are its payload on the wire, in their order. docs/api.md has a table of all of them, which
`python -m accounts.webhooks.events_table` writes.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar

Credits = Annotated[int, "credits"]
UnixSeconds = Annotated[int, "unix seconds"]
Names = Annotated[list[str], "names"]
Email = Annotated[str, "an email"]
Slug = Annotated[str, "a slug"]


class About(StrEnum):
    """What an event is about, by the kinds of `platform_site.db.subjects`."""

    GENERATION = "generation"
    APPROVAL = "approval"
    PROVIDER_KEY = "provider_key"
    SPEND_LIMIT = "spend_limit"
    WALLET = "team"
    ENDPOINT = "webhook_endpoint"


# The ids of these are ids of tasks.
ABOUT_TASKS = frozenset({About.GENERATION, About.APPROVAL})


class TaskEvent(StrEnum):
    """What a task's own `callback_url` hears, in the vendor's words; its body is the task."""

    COMPLETED = "task.completed"
    FAILED = "task.failed"


@dataclass(frozen=True)
class WebhookEvent:
    """Base of the events.

    `words` stand on the page where endpoints choose; `detail` is what docs/api.md says beside them.
    """

    event_name: ClassVar[str]
    words: ClassVar[str]
    about: ClassVar[About]
    detail: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Enter the event into the registry; a base that several share has no name."""
        if "event_name" in vars(cls):
            EVENTS[cls.event_name] = cls

    def payload(self) -> dict[str, Any]:
        """Return what is posted as `data`."""
        return asdict(self)


EVENTS: dict[str, type[WebhookEvent]] = {}


@dataclass(frozen=True)
class _GenerationEnded(WebhookEvent):
    about = About.GENERATION

    task: str
    by: Email
    credits: Credits
    project: Slug | None
    state: Annotated[str, "`completed`, `failed` or `cancelled`"]
    object: Annotated[dict[str, Any], "the task, as `GET /v1/tasks/{id}` gave it then"]


@dataclass(frozen=True)
class GenerationCompleted(_GenerationEnded):
    """The vendor finished and was paid."""

    event_name = "generation.completed"
    words = "The vendor finished a film; we are saving it"
    detail = "`object.status` is still `processing`: our link works with the next event"


@dataclass(frozen=True)
class KeptFilm:
    """A film whose file is ours; `differs` says in words how it differs from the request."""

    url: str
    size: Annotated[int, "bytes"]
    sha256: str
    width: int
    height: int
    duration_ms: int
    has_audio: bool
    differs: Annotated[str, "words, or empty"]


@dataclass(frozen=True)
class GenerationKept(_GenerationEnded):
    """The film is ours; also one that was lost and saved later."""

    event_name = "generation.kept"
    words = "A film was saved; its link works"

    film: KeptFilm


@dataclass(frozen=True)
class GenerationLost(_GenerationEnded):
    """The vendor finished, and its film is not ours."""

    event_name = "generation.lost"
    words = "A finished film could not be saved"
    detail = "Its link expired first, or the vendor gave none"

    problem: str


@dataclass(frozen=True)
class TaskError:
    """Why a generation has no film."""

    code: str
    message: str


@dataclass(frozen=True)
class GenerationFailed(_GenerationEnded):
    """It ended without a film."""

    event_name = "generation.failed"
    words = "A film failed or was cancelled"
    detail = "`state` says which"

    error: TaskError


@dataclass(frozen=True)
class GenerationInReview(WebhookEvent):
    """Nobody has known for a while what became of a generation."""

    event_name = "generation.in_review"
    words = "A film has needed review for 15 minutes"
    about = About.GENERATION
    detail = "Once per task"

    task: str
    by: Email
    credits: Credits
    reason: Annotated[str, "`submit_unknown`, `silent` or `unrecorded`"]
    since: UnixSeconds
    advice: Annotated[str, "a sentence"]


@dataclass(frozen=True)
class BudgetThreshold(WebhookEvent):
    """So many percent of a limit are held and spent."""

    event_name = "budget.threshold"
    words = "A spend limit reached an alert"
    about = About.SPEND_LIMIT
    detail = "Once per threshold and window; several at once are one event about the highest"

    scope: str
    name: str
    window: str
    threshold: Annotated[int, "percent"]
    limit: Credits
    used: Credits
    spent: Credits
    held: Credits
    left: Credits
    window_starts_at: UnixSeconds
    resets_at: UnixSeconds | None
    raised_by: Names


@dataclass(frozen=True)
class WalletLow(WebhookEvent):
    """Fewer credits are available than the wallet's alert."""

    event_name = "wallet.low"
    words = "The wallet runs low"
    about = About.WALLET
    detail = "Once per drop below its alert"

    available: Credits
    held: Credits
    spent: Credits
    low_at: Credits


@dataclass(frozen=True)
class ProviderKeyPaused(WebhookEvent):
    """Nothing is sent with a key for now."""

    event_name = "provider_key.paused"
    words = "A provider key was paused"
    about = About.PROVIDER_KEY

    provider_key: int
    name: str
    owner: Annotated[str | None, "an email; null: the team's"]
    reason: str
    queued: Annotated[int, "tasks queued for it"]


@dataclass(frozen=True)
class _ApprovalEvent(WebhookEvent):
    about = About.APPROVAL

    task: str
    by: Email
    credits: Credits
    project: Slug | None


@dataclass(frozen=True)
class ApprovalAsked(_ApprovalEvent):
    """A generation is above a threshold."""

    event_name = "approval.asked"
    words = "A film needs approval"

    above: Credits
    expires_at: UnixSeconds


@dataclass(frozen=True)
class ApprovalDecided(_ApprovalEvent):
    """The request is decided, by a person or by time."""

    event_name = "approval.decided"
    words = "An approval request was approved, denied or withdrawn, or it expired"

    decision: Annotated[str, "`approved`, `denied`, `expired` or `withdrawn`"]
    decided_by: str
    reason: str


@dataclass(frozen=True)
class EndpointTest(WebhookEvent):
    """Somebody pressed the button; no endpoint chooses it, and it is tried once."""

    event_name = "webhook.test"
    words = "A test sent from an endpoint's page"
    about = About.ENDPOINT

    endpoint: int
    asked_by: str


def chosen_events() -> list[type[WebhookEvent]]:
    """Return the events that endpoints choose from, in the order in which they are shown."""
    return [event for event in EVENTS.values() if event is not EndpointTest]


def chosen_names() -> list[str]:
    """Return the wire names of the events that endpoints choose from."""
    return [event.event_name for event in chosen_events()]
