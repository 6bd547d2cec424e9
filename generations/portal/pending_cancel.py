"""What cancelling really does, in words: before it is requested, while it is pending, and after."""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import Membership
from accounts.people import name_of, names_of
from generations.dispatch import may_cancel
from generations.lifecycle import IN_FLIGHT, WAITING, State
from generations.models import Generation


@dataclass(frozen=True, slots=True)
class CancelDialog:
    """The button, and what the person is asked before it does anything."""

    button: str
    title: str
    words: str
    yes: str
    no: str


def cancel_dialog_for(generation: Generation, membership: Membership) -> CancelDialog | None:
    """Return what to ask who may cancel the generation; None for who may not, or no more."""
    state = State(generation.state)
    if generation.cancel_requested_at is not None or not may_cancel(membership, generation):
        return None
    credits = f"{generation.credits:,} credits"
    if state in WAITING:
        return CancelDialog(
            button="Cancel film",
            title="Cancel this film?",
            words=f"The vendor does not have it yet. Its {credits} are released now.",
            yes="Cancel film",
            no="Keep film",
        )
    if state in IN_FLIGHT:
        return CancelDialog(
            button="Ask to cancel",
            title="The vendor cannot be stopped",
            words=f"It may be rendering this film. If it finishes, the {credits} are spent and "
            "the film is saved; if not, they are released. If the vendor turns it away, it is not "
            "sent again.",
            yes="Ask to cancel",
            no="Let it run",
        )
    return None


def name_cancel_requesters(generations: Iterable[Generation]) -> None:
    """Look up who asked to cancel each row of a list, for `pending_cancel_of` to name them."""
    requested = [one for one in generations if one.cancel_requested_at is not None]
    names = names_of(one.cancel_requested_by for one in requested)
    for one in requested:
        one.cancel_requester = names[one.cancel_requested_by]  # type: ignore[attr-defined]


def pending_cancel_of(generation: Generation) -> str:
    """Say what becomes of a request to cancel, "" when there is none or when it was met."""
    if generation.cancel_requested_at is None:
        return ""
    state = State(generation.state)
    who: str = vars(generation).get("cancel_requester") or name_of(generation.cancel_requested_by)
    if state in IN_FLIGHT:
        return (
            f"{who} asked to cancel it. The vendor cannot be stopped: "
            f"its {generation.credits:,} credits are spent only if it finishes."
        )
    if state == State.COMPLETED:
        return (
            f"{who} asked to cancel it, but the vendor finished it, so its "
            "credits are spent and the film is yours."
        )
    return ""
