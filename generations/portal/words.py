"""What people read about a generation: honest words for states, events and errors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import TextChoices

from accounts.actors import ActorKind, kind_of_actor
from accounts.people import names_of
from generations.dispatch import QueuePosition
from generations.lifecycle import Ending, EventKind, ReviewReason, State
from generations.models import Film, Generation, GenerationEvent, Priority, ProviderKey
from generations.selectors import events_of
from generations.vendors import UnknownVendor, vendor_named

# In an event's message, for whoever searches the log by it.
_CODE = re.compile(r"^(The vendor refused: )[a-z0-9]+(?:_[a-z0-9]+)*: ")
_CLASS_NAME = re.compile(r"^(No whole answer|Not reached): [A-Z]\w+\.")
# What a priority means for a film that waits.
_PRIORITY_NOTES: dict[int, str] = {
    Priority.HIGH: "It is ahead of your team’s other films.",
    Priority.LOW: "It is behind your team’s other films.",
}


class ShownState(TextChoices):
    """Where a film stands, as every page and receipt says it."""

    AWAITING_APPROVAL = "awaiting_approval", "Awaiting approval"
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    RENDERING = "rendering", "Rendering"
    NEEDS_REVIEW = "needs_review", "Needs review"
    SAVING = "saving", "Saving"
    READY = "ready", "Ready"
    FILM_LOST = "film_lost", "Film lost"
    REMOVED = "removed", "Removed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


@dataclass(frozen=True, slots=True)
class Status:
    """Where a film stands: its state, a sentence, and the tone they are said in."""

    state: ShownState
    note: str = ""
    tone: str = "plain"  # plain, live, good, warn or bad

    @property
    def word(self) -> str:
        """Return the state as people read it."""
        return str(self.state.label)


@dataclass(frozen=True, slots=True)
class Cost:
    """What became of the credits: a word, a sentence, and the tone they are said in."""

    word: str
    note: str
    tone: str


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event of a generation as its page tells it."""

    event: GenerationEvent
    word: str
    note: str = ""
    who: str = ""


def status_of(generation: Generation, place: QueuePosition | None = None) -> Status:
    """Say where a generation stands and what that means for its credits.

    `place` is a queued one's queue position, where that is known.
    """
    credits = f"{generation.credits:,} credits"
    state = State(generation.state)
    if state == State.COMPLETED:
        return _completed(generation)
    if state == State.QUEUED:
        return _queued(generation, place)
    if state == State.NEEDS_REVIEW:
        return _in_review(generation)
    return {
        State.AWAITING_APPROVAL: Status(
            ShownState.AWAITING_APPROVAL,
            f"A manager must approve it. {credits} stay held.",
            "warn",
        ),
        State.SUBMITTING: Status(ShownState.SENDING, "On its way to the vendor.", "live"),
        State.PROCESSING: Status(ShownState.RENDERING, "The vendor is rendering the film.", "live"),
        State.FAILED: Status(
            ShownState.FAILED, f"{reason_of(generation)} {_ended_money(generation)}", "bad"
        ),
        State.CANCELLED: Status(
            ShownState.CANCELLED, f"{reason_of(generation)} {credits} released.".strip(), "plain"
        ),
    }[state]


def reason_of(generation: Generation) -> str:
    """Say why a generation ended without a film, as a sentence."""
    if generation.ending == Ending.MODERATED:
        return "The vendor’s moderation refused it: reword the prompt or change the frames."
    return _sentence(generation.error_message.strip())


def _ended_money(generation: Generation) -> str:
    """Say what an ended generation cost; a person may have decided that the vendor charged."""
    spent = generation.hold.spent
    return f"{spent:,} credits spent." if spent else f"{generation.credits:,} credits released."


def pause_of(key: ProviderKey) -> str:
    """Say why a provider key is paused, as the end of a sentence."""
    if key.is_paused_by_hand:
        return f"by hand: {_sentence(key.pause_note)}"
    words = _trouble_of(key)
    return words or key.pause_note or "the vendor gave no reason."


def _trouble_of(key: ProviderKey) -> str:
    try:
        return vendor_named(key.vendor).key_trouble(key.pause_code)
    except UnknownVendor:
        return ""


def cost_of(generation: Generation) -> Cost:
    """Say what became of the credits."""
    hold = generation.hold
    if hold.is_open and generation.state == State.AWAITING_APPROVAL:
        return Cost("held", "Held until a manager decides.", "live")
    if hold.is_open:
        return Cost("held", "Held until the vendor answers, then spent or released.", "live")
    since = " Corrected after it ended." if hold.adjusted else ""
    if hold.spent:
        return Cost("spent", f"The vendor charged for it.{since}", "plain")
    return Cost("released", f"The vendor did not charge for it.{since}", "good")


def created_words(generation: Generation) -> str:
    """Return what a person is told once their film is submitted."""
    what = "Sent for approval" if generation.state == State.AWAITING_APPROVAL else "Film created"
    return f"{what}: {generation.credits:,} credits held."


def timeline_of(generation: Generation) -> list[TimelineEntry]:
    """Return a generation's events in words, oldest first."""
    events = events_of(generation)
    names = names_of(event.actor for event in events)
    return [_timeline_entry(event, generation, names) for event in events]


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."


def _completed(generation: Generation) -> Status:
    film: Film | None = getattr(generation, "film", None)
    if film is None or film.state == Film.State.PENDING:
        return _keeping(film)
    if film.state == Film.State.GIVEN_UP:
        note = f"{_sentence(film.problem)} The vendor charged for it, so the credits are spent."
        return Status(ShownState.FILM_LOST, note, "bad")
    if film.state == Film.State.REMOVED:
        return Status(ShownState.REMOVED, film.problem, "plain")
    if film.differs or generation.metadata_differs:
        differs = film.differs or "the vendor says it made something else"
        return Status(ShownState.READY, f"Not exactly as requested: {differs}.", "warn")
    return Status(ShownState.READY, "", "good")


def _keeping(film: Film | None) -> Status:
    if film is not None and film.lost_at is not None:
        note = "Saving again: we asked the vendor for a new link to the lost film."
        if film.problem:
            note = f"The film was lost. Saving again: {_sentence(film.problem)}"
        return Status(ShownState.SAVING, note, "warn")
    note = "The vendor has finished. We’re fetching and checking the file."
    if film is not None and film.problem:
        note = f"The vendor has finished. Saving again: {_sentence(film.problem)}"
    return Status(ShownState.SAVING, note, "live")


def _queued(generation: Generation, place: QueuePosition | None) -> Status:
    key = generation.provider_key
    if key.state == ProviderKey.State.PAUSED:
        note = f"Key paused: “{key.label}”. The film waits, its credits held, until it resumes."
        return Status(ShownState.QUEUED, note, "warn")
    if attempts := generation.submit_attempts:
        times = "once" if attempts == 1 else f"{attempts} times"
        note = f"The vendor turned it away {times}. We’ll retry."
    elif place is None or place.is_at_once:
        note = "It is sent to the vendor in a moment."
    else:
        note = f"{place.words}."
    note = f"{note} {_PRIORITY_NOTES.get(generation.priority, '')}".strip()
    return Status(ShownState.QUEUED, note, "live")


def _in_review(generation: Generation) -> Status:
    held = (
        f"{generation.credits:,} credits stay held until the vendor answers or a manager decides."
    )
    if generation.review_reason == ReviewReason.SUBMIT_UNKNOWN:
        note = "The vendor may have accepted it without telling us, so it is never sent twice."
    elif generation.review_reason == ReviewReason.UNRECORDED:
        note = "The vendor has answered, but its answer could not be recorded here."
    else:
        note = "The vendor has not finished it by its deadline."
    return Status(ShownState.NEEDS_REVIEW, f"{note} {held}", "warn")


def _timeline_entry(
    event: GenerationEvent, generation: Generation, names: Mapping[str, str]
) -> TimelineEntry:
    by = event.actor
    who = "" if kind_of_actor(by) in {ActorKind.SYSTEM, ActorKind.PROVIDER} else names[by]
    word, note = _entry_words(event, generation)
    return TimelineEntry(event, word, note, who)


def _cancel_note(reason: str) -> str:
    return f"{reason} The vendor cannot be stopped; credits are spent only if it finishes.".strip()


def _first_money(generation: Generation) -> str:
    """Say what the end itself did to the credits; a correction has an event of its own."""
    spent = generation.hold.settled
    return f"{spent:,} credits spent." if spent else f"{generation.credits:,} credits released."


def _without_codes(message: str) -> str:
    """Return what happened without error codes and class names: logs and the API have those."""
    return _CLASS_NAME.sub(r"\1.", _CODE.sub(r"\1", message))


def _entry_words(event: GenerationEvent, generation: Generation) -> tuple[str, str]:
    message = _without_codes(event.message)
    by_kind = {
        EventKind.ADMITTED: ("Submitted", message),
        EventKind.KEPT: ("Film saved", "Fetched, checked and stored."),
        EventKind.FILM_LOST: ("Film lost", message),
        EventKind.PRIORITY_SET: ("Priority changed", message),
        EventKind.FILM_TRIED_AGAIN: ("Saving again", "We asked the vendor for a new link."),
        EventKind.FILM_REMOVED: ("Film removed", message),
        EventKind.CALLBACK: ("Callback from the vendor", "We asked it for the film’s status."),
        EventKind.CANCEL_REQUESTED: ("Cancel requested", _cancel_note(message)),
        EventKind.LOOKED: ("Check requested", message),
        EventKind.UNRECORDED: ("Answer not recorded", message),
        EventKind.ID_ADOPTED: ("Vendor task linked", message),
        EventKind.REVIEW_TOLD: ("Managers notified", "It had been in review for a while."),
        EventKind.ADJUSTED: ("Corrected", message),
        EventKind.USAGE_MOVED: ("Vendor usage rose", message),
        EventKind.USAGE_STILL: ("Vendor usage did not rise", message),
    }
    if event.kind != EventKind.MOVED:
        return by_kind[EventKind(event.kind)]
    if event.from_state == State.SUBMITTING and event.to_state == State.QUEUED:
        return "Queued again", message
    credits = f"{generation.credits:,} credits"
    by_state = {
        State.QUEUED: ("Queued", message),
        State.SUBMITTING: ("Sent to the vendor", message),
        State.PROCESSING: ("Accepted by the vendor", message),
        State.NEEDS_REVIEW: ("Needs review", message),
        State.COMPLETED: ("Finished by the vendor", f"{credits} spent."),
        State.FAILED: ("Failed", f"{_sentence(message)} {_first_money(generation)}".strip()),
        State.CANCELLED: ("Cancelled", f"{_sentence(message)} {credits} released.".strip()),
    }
    return by_state.get(State(event.to_state), (event.to_state, message))
