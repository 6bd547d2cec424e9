"""Cancel a film, or everything of one's own that was not sent yet."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.roles import Permission
from generations.dispatch import cancel_generation, cancel_waiting
from generations.lifecycle import State
from generations.models import Generation
from generations.portal.access import (
    MemberRequest,
    acting_member,
    generation_required,
    member_required,
    with_toast,
)
from generations.portal.post_only import post_only


@post_only("film", "generation_id")
@generation_required(Permission.SUBMIT)
def cancel(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Cancel, or note the request to; a page with a feed is brought up to date by that."""
    cancel_generation(generation, by=acting_member(request), now=timezone.now())
    if request.htmx:
        return with_toast(HttpResponse(status=204), _outcome(generation))
    return redirect("film", generation.id)


@post_only("studio")
@member_required(Permission.SUBMIT)
def cancel_all(request: MemberRequest) -> HttpResponse:
    """Cancel all of the person's own that waits."""
    count = cancel_waiting(by=acting_member(request), now=timezone.now())
    if request.htmx:
        films = "film" if count == 1 else "films"
        words = f"{count} {films} cancelled: the credits are released."
        return with_toast(HttpResponse(status=204), words)
    return redirect("studio")


def _outcome(generation: Generation) -> str:
    if generation.state == State.CANCELLED:
        return f"Film cancelled: {generation.credits:,} credits released."
    return "Cancel requested. The vendor cannot be stopped; credits are spent only if it finishes."
