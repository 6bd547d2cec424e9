"""Let a film that waits go first, in turn or last."""

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
    Priority.HIGH: "Let it go first",
    Priority.NORMAL: "Back in turn",
    Priority.LOW: "Put it off",
}


@dataclass(frozen=True, slots=True)
class PriorityButton:
    """One press that moves a film in line."""

    value: int
    words: str


def priority_buttons(membership: Membership, generation: Generation) -> list[PriorityButton]:
    """Return the buttons that the member has for a generation; none for one that waits no more."""
    others = [one for one in priorities_for(membership, generation) if one != generation.priority]
    return [PriorityButton(one.value, _BUTTONS[one]) for one in sorted(others, reverse=True)]


@post_only("film", "generation_id")
@generation_required(Permission.SUBMIT)
def set_priority_to(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Move a film in line and show its page."""
    set_priority(generation, priority=request.POST.get("priority", ""), by=acting_member(request))
    return redirect("film", generation.id)
