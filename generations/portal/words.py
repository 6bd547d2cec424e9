"""What people read about a generation: honest words for states, events and errors."""

from collections.abc import Mapping
from dataclasses import dataclass

from accounts.actors import ActorKind, kind_of_actor
from accounts.people import names_of
from generations.dispatch import QueuePosition
from generations.lifecycle import Ending, EventKind, ReviewReason, State
from generations.models import Film, Generation, GenerationEvent, Priority, ProviderKey
from generations.vendors import UnknownVendor, vendor_named

# What a priority means for a film that waits.
_ORDERS: dict[int, str] = {
    Priority.HIGH: "It goes before the team's others.",
    Priority.LOW: "It was put off behind the team's others.",
}


@dataclass(frozen=True, slots=True)
class Status:
    """Where something stands: one or two words, a sentence, and the tone they are said in."""

    word: str
    note: str = ""
    tone: str = "plain"  # plain, live, good, warn or bad


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event of a generation as its page tells it."""

    event: GenerationEvent
    word: str
    note: str = ""
    who: str = ""


def status_of(generation: Generation, place: QueuePosition | None = None) -> Status:
    """Say where a generation stands and what that means for its credits.

    `place` is where a queued one stands in line, where that is known.
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
            "Awaiting approval", f"Somebody has to approve it. {credits} stay held.", "warn"
        ),
        State.SUBMITTING: Status("Sending", "On its way to the vendor.", "live"),
        State.PROCESSING: Status("Rendering", "The vendor is making the film.", "live"),
        State.FAILED: Status(
            "Failed", f"{reason_of(generation)} {_ended_money(generation)}", "bad"
        ),
        State.CANCELLED: Status(
            "Cancelled", f"{reason_of(generation)} {credits} given back.".strip(), "plain"
        ),
    }[state]


def reason_of(generation: Generation) -> str:
    """Say why a generation ended without a film, as a sentence."""
    if generation.ending == Ending.MODERATED:
        return "The vendor's moderation refused it: reword the prompt or change the frames."
    return _sentence(generation.error_message.strip())


def _ended_money(generation: Generation) -> str:
    """Say what an ended generation cost; a person may have decided that the vendor charged."""
    spent = generation.hold.spent
    return f"{spent:,} credits spent." if spent else f"{generation.credits:,} credits given back."


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


def cost_of(generation: Generation) -> Status:
    """Say what became of the credits."""
    hold = generation.hold
    if hold.is_open:
        return Status("held", "Set aside until the vendor's word.", "live")
    since = " Corrected since it ended." if hold.adjusted else ""
    if hold.spent:
        return Status("spent", f"The vendor charged for it.{since}", "plain")
    return Status("given back", f"The vendor did not charge for it.{since}", "good")


def created_words(generation: Generation) -> str:
    """Return what a person hears once their film is submitted."""
    what = "Sent for approval" if generation.state == State.AWAITING_APPROVAL else "Film created"
    return f"{what}: {generation.credits:,} credits held."


def timeline_of(generation: Generation) -> list[TimelineEntry]:
    """Return a generation's events in words, oldest first."""
    events = list(generation.events.all())
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
        return Status("Film lost", note, "bad")
    if film.state == Film.State.REMOVED:
        return Status("Removed", film.problem, "plain")
    if film.differs or generation.metadata_differs:
        differs = film.differs or "the vendor says that it made something else"
        return Status("Ready", f"Not quite as ordered: {differs}.", "warn")
    return Status("Ready", "", "good")


def _keeping(film: Film | None) -> Status:
    if film is not None and film.lost_at is not None:
        note = "It was lost before. The vendor is asked for a fresh link."
        if film.problem:
            note = f"It was lost before and is tried again: {_sentence(film.problem)}"
        return Status("Saving again", note, "warn")
    note = "The vendor has finished. The file is being fetched and checked."
    if film is not None and film.problem:
        note = f"The vendor has finished. Fetching the file again: {_sentence(film.problem)}"
    return Status("Saving", note, "live")


def _queued(generation: Generation, place: QueuePosition | None) -> Status:
    key = generation.provider_key
    if key.state == ProviderKey.State.PAUSED:
        note = f"The provider key “{key.label}” is paused. It goes out once the key works again."
        return Status("Key paused", note, "warn")
    if generation.submit_attempts:
        note = f"The vendor turned it away {generation.submit_attempts}×; it is tried again."
    elif place is None or place.is_at_once:
        note = "Goes to the vendor in a moment."
    else:
        note = f"{place.words}."
    return Status("Queued", f"{note} {_ORDERS.get(generation.priority, '')}".strip(), "live")


def _in_review(generation: Generation) -> Status:
    held = f"{generation.credits:,} credits stay held until the vendor's word."
    if generation.review_reason == ReviewReason.SUBMIT_UNKNOWN:
        note = f"The vendor may have taken it without telling us, so it is not sent twice. {held}"
        return Status("Needs review", note, "warn")
    if generation.review_reason == ReviewReason.UNRECORDED:
        note = f"The vendor has answered, but its answer could not be recorded here. {held}"
        return Status("Needs review", note, "warn")
    note = f"The vendor has not finished it by its deadline. {held}"
    return Status("Needs review", note, "warn")


def _timeline_entry(
    event: GenerationEvent, generation: Generation, names: Mapping[str, str]
) -> TimelineEntry:
    by = event.actor
    who = "" if kind_of_actor(by) in {ActorKind.SYSTEM, ActorKind.PROVIDER} else names[by]
    word, note = _entry_words(event, generation)
    return TimelineEntry(event, word, note, who)


def _cancel_note(reason: str) -> str:
    return f"{reason} The vendor cannot be stopped; it costs only if it finishes.".strip()


def _first_money(generation: Generation) -> str:
    """Say what the end itself did to the credits; a correction has an event of its own."""
    spent = generation.hold.settled
    return f"{spent:,} credits spent." if spent else f"{generation.credits:,} credits given back."


def _entry_words(event: GenerationEvent, generation: Generation) -> tuple[str, str]:
    message = event.message
    by_kind = {
        EventKind.ADMITTED: ("Ordered", message),
        EventKind.KEPT: ("Film kept", "Fetched, checked and stored."),
        EventKind.FILM_LOST: ("Film lost", message),
        EventKind.PRIORITY_SET: ("Moved in line", message),
        EventKind.FILM_TRIED_AGAIN: (
            "Tried again by hand",
            "The vendor is asked for a fresh link.",
        ),
        EventKind.FILM_REMOVED: ("Film removed", message),
        EventKind.CALLBACK: (
            "The vendor called back",
            "We asked it at once how the film is doing.",
        ),
        EventKind.CANCEL_ASKED: ("Cancelling asked for", _cancel_note(message)),
        EventKind.LOOKED: ("Asked to look now", message),
        EventKind.UNRECORDED: ("Answer not recorded", message),
        EventKind.ID_ADOPTED: ("The vendor's id came to light", message),
        EventKind.REVIEW_TOLD: ("Managers told", "It had been in review for a while."),
        EventKind.ADJUSTED: ("Corrected", message),
        EventKind.USAGE_MOVED: ("The vendor's usage moved", message),
        EventKind.USAGE_STILL: ("The vendor's usage stood still", message),
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
        State.CANCELLED: ("Cancelled", f"{_sentence(message)} {credits} given back.".strip()),
    }
    return by_state.get(State(event.to_state), (event.to_state, message))
