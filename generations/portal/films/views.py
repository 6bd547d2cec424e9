"""The page of one generation: its film, or why there is none."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.people import names_of
from accounts.roles import Permission, role_allows
from accounts.selectors import project_for
from generations.archive import last_frame_as_upload, set_favourite
from generations.catalog import ordered_inputs
from generations.drafts import fresh_key
from generations.models import Approval, Generation
from generations.ordering import submit_generation, validate_request
from generations.portal.access import MemberRequest, acting_member, generation_required
from generations.portal.archive.views import file_timeline
from generations.portal.films.facts import facts_of
from generations.portal.films.priorities import priority_buttons
from generations.portal.polling import STOP_POLLING
from generations.portal.post_only import post_only
from generations.portal.shown_generation import shown_generation_of
from generations.portal.studio.form import slots_of
from generations.portal.studio.refusals import refusal_of
from generations.portal.words import cost_of, timeline_of
from generations.task_object import api_status, film_url
from generations.uploads import upload_url
from platform_site.errors import DailiesError


@require_GET
@generation_required(Permission.VIEW)
def film(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Show the film and how it came about; a fragment's request gets what changes."""
    context = _context(request, generation)
    if not request.htmx:
        return render(request, "films/film.html", context)
    status = 200 if context["is_live"] else STOP_POLLING
    return render(request, "films/_film.html", context | {"is_answer": True}, status=status)


@post_only("film", "generation_id")
@generation_required(Permission.SUBMIT)
def retry(request: MemberRequest, earlier: Generation) -> HttpResponse:
    """Submit the same film again as a new generation with a hold of its own (P15)."""
    now = timezone.now()
    try:
        generation = submit_generation(
            validate_request(earlier.body, team=earlier.team, now=now),
            by=acting_member(request),
            now=now,
            idempotency_key=request.POST.get("idempotency_key", "")[:200] or fresh_key(),
            project=project_for(earlier.team, earlier.project.slug if earlier.project else None),
            retry_of=earlier,
        )
    except DailiesError as error:
        context = _context(request, earlier) | {"error": error, "refusal": refusal_of(error)}
        return render(request, "films/film.html", context)
    return redirect("film", generation.id)


@post_only("film", "generation_id")
@generation_required(Permission.SUBMIT)
def favourite(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Mark a film as one of the team's favourites, or take the mark away."""
    set_favourite(generation, favourite="favourite" in request.POST, by=acting_member(request))
    if request.htmx:
        return render(request, "films/_favourite.html", {"generation": generation})
    return redirect("film", generation.id)


@post_only("film", "generation_id")
@generation_required(Permission.SUBMIT)
def extend(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Open the studio with this film's last frame as the first frame of the next."""
    upload = last_frame_as_upload(generation, by=acting_member(request), now=timezone.now())
    query = urlencode({"remix": str(generation.id), "first_frame": upload_url(upload)})
    return redirect(f"{reverse('studio')}?{query}")


def _context(request: MemberRequest, generation: Generation) -> dict[str, Any]:
    asked = Approval.objects.filter(generation=generation).first()
    decides = (
        asked is not None
        and asked.decision == Approval.Decision.OPEN
        and role_allows(request.membership.role, Permission.APPROVE)
    )
    shown = shown_generation_of(generation, now=timezone.now())
    film, file = shown.film, file_timeline(generation)
    return {
        "generation": generation,
        "facts": facts_of(generation),
        "frames": [
            slot for slot in slots_of(ordered_inputs(generation).get("image_urls", [])) if slot.url
        ],
        "shown": shown,
        "film": film,
        "film_link": film_url(film) if film else "",
        **file,
        "cost": cost_of(generation),
        "timeline": timeline_of(generation),
        "approval": asked,
        "names": names_of([asked.decided_by] if asked else []),
        "decides": decides,
        # Who is about to decide writes a reason, and the page must not be swapped meanwhile.
        "is_live": (api_status(generation) in {"pending", "processing"} or file["is_being_saved"])
        and not decides,
        "priority_buttons": priority_buttons(request.membership, generation),
        "retries": generation.retries.order_by("created_at"),
        "fresh_key": fresh_key(),
    }
