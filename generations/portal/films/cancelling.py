"""Cancel a film, or everything of one's own that was not sent yet."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
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
from generations.portal.studio.reads import active_generations, ended_among


@post_only("film", "generation_id")
@generation_required(Permission.SUBMIT)
def cancel(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Cancel, or note that it is asked for; a list gets the list, anything else the film's page."""
    cancel_generation(generation, by=acting_member(request), now=timezone.now())
    if request.htmx and request.htmx.target == "active":
        return _active(request, [str(generation.id)], _outcome(generation))
    return _to(request, "film", generation.id)


@post_only("studio")
@member_required(Permission.SUBMIT)
def cancel_all(request: MemberRequest) -> HttpResponse:
    """Cancel all of the person's own that waits."""
    was = [one for one in request.POST.get("was", "").split(",") if one]
    count = cancel_waiting(by=acting_member(request), now=timezone.now())
    if request.htmx:
        films = "film is" if count == 1 else "films are"
        return _active(request, was, f"{count} {films} cancelled; the credits are given back.")
    return redirect("studio")


def _outcome(generation: Generation) -> str:
    if generation.state == State.CANCELLED:
        return f"Cancelled; {generation.credits:,} credits are given back."
    return "Noted. The vendor cannot be stopped; it costs only if it finishes."


def _active(request: MemberRequest, was: list[str], words: str) -> HttpResponse:
    now, team = timezone.now(), request.membership.team
    context = {
        "active": active_generations(team, now=now),
        "ended": ended_among(team, was, now=now),
        "is_answer": True,
    }
    return with_toast(render(request, "studio/_active.html", context), words)


def _to(request: MemberRequest, name: str, *args: object) -> HttpResponse:
    """Lead to a page, by htmx's header when a fragment asks."""
    response = redirect(name, *args)
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": response["Location"]})
    return response
