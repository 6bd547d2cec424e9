"""Give a film that waits high, normal or low priority."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect

from accounts.models import Membership
from accounts.roles import Permission
from generations.models import Generation, Priority
from generations.ordering import priorities_for, set_priority
from generations.portal.access import MemberRequest, acting_member, generation_required
from generations.portal.post_only import post_only

_BUTTONS = {
    Priority.HIGH: "Move to front",
    Priority.NORMAL: "Back to normal",
    Priority.LOW: "Move to back",
}


@dataclass(frozen=True, slots=True)
class PriorityButton:
    """One press that changes a film's priority."""

    value: int
    words: str


def priority_buttons(membership: Membership, generation: Generation) -> list[PriorityButton]:
    """Return the buttons that the member has for a generation; none for one that waits no more."""
    others = [one for one in priorities_for(membership, generation) if one != generation.priority]
    return [PriorityButton(one.value, _BUTTONS[one]) for one in sorted(others, reverse=True)]


@post_only("film", "generation_id")
@generation_required(Permission.SUBMIT)
def set_priority_to(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Change a film's priority and show its page."""
    set_priority(generation, priority=request.POST.get("priority", ""), by=acting_member(request))
    return redirect("film", generation.id)
