"""What people read in place of a receipt's states, kinds and actors."""

from collections.abc import Mapping
from typing import Any

from django import template

from accounts.actors import ActorKind, kind_of_actor
from billing.models import Account, Transfer
from generations.lifecycle import EventKind, State
from generations.models import Film
from generations.portal.words import ShownState

register = template.Library()

_STATES: dict[str, ShownState] = {
    State.AWAITING_APPROVAL: ShownState.AWAITING_APPROVAL,
    State.QUEUED: ShownState.QUEUED,
    State.SUBMITTING: ShownState.SENDING,
    State.PROCESSING: ShownState.RENDERING,
    State.NEEDS_REVIEW: ShownState.NEEDS_REVIEW,
    State.COMPLETED: ShownState.SAVING,
    State.FAILED: ShownState.FAILED,
    State.CANCELLED: ShownState.CANCELLED,
}
_FILM_STATES: dict[str, ShownState] = {
    Film.State.PENDING: ShownState.SAVING,
    Film.State.KEPT: ShownState.READY,
    Film.State.GIVEN_UP: ShownState.FILM_LOST,
    Film.State.REMOVED: ShownState.REMOVED,
}
_ENTRIES: dict[str, str] = {
    Transfer.Kind.HOLD: "Held",
    Transfer.Kind.SETTLE: "Spent",
    Transfer.Kind.RELEASE: "Released",
}
_EVENTS: dict[str, str] = {
    EventKind.ADMITTED: "Submitted",
    EventKind.KEPT: "Saved",
    EventKind.FILM_LOST: "Film lost",
    EventKind.FILM_TRIED_AGAIN: "Saving again",
    EventKind.FILM_REMOVED: "Removed",
    EventKind.PRIORITY_SET: "Priority changed",
    EventKind.CALLBACK: "Callback",
    EventKind.CANCEL_REQUESTED: "Cancel requested",
    EventKind.LOOKED: "Checked",
    EventKind.UNRECORDED: "Answer not recorded",
    EventKind.ID_ADOPTED: "Vendor task linked",
    EventKind.REVIEW_TOLD: "Managers notified",
    EventKind.ADJUSTED: "Corrected",
    EventKind.USAGE_MOVED: "Vendor usage rose",
    EventKind.USAGE_STILL: "Vendor usage did not rise",
}
_ACTORS = {
    ActorKind.SYSTEM: "Dailies",
    ActorKind.PROVIDER: "The vendor",
    ActorKind.COMMAND: "An administrator",
}


@register.filter
def state_word(receipt: Mapping[str, Any]) -> str:
    """Return where the receipt's generation stands, as every page says it."""
    film = receipt["film"]
    if film is not None and receipt["state"] == State.COMPLETED:
        return film_word(film)
    return str(_STATES[receipt["state"]].label)


@register.filter
def film_word(film: Mapping[str, Any]) -> str:
    """Return where the receipt's film stands."""
    return str(_FILM_STATES[film["state"]].label)


@register.filter
def entry_word(entry: Mapping[str, Any]) -> str:
    """Return what an entry did to the credits."""
    if entry["kind"] == Transfer.Kind.ADJUST:
        to = "spent" if entry["to"] == Account.Kind.SPENT else "released"
        return f"Corrected to {to}"
    return _ENTRIES[entry["kind"]]


@register.filter
def event_word(event: Mapping[str, Any]) -> str:
    """Return what happened: for a transition the two states, else what it is called."""
    if event["kind"] == EventKind.MOVED:
        return f"{_STATES[event['from']].label} → {_STATES[event['to']].label}"
    return _EVENTS[event["kind"]]


@register.filter
def actor_word(actor: str) -> str:
    """Return who acted; people and what is nobody's kind have the name that the receipt has."""
    kind = kind_of_actor(actor)
    return _ACTORS.get(kind, actor) if kind else actor
