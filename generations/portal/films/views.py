"""The page of one generation: its film, or why there is none."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.roles import Permission
from accounts.selectors import project_for
from generations.archive import last_frame_as_upload, set_favourite
from generations.drafts import fresh_key
from generations.models import Generation
from generations.ordering import submit_generation, validate_request
from generations.portal.access import MemberRequest, acting_member, generation_required
from generations.portal.feed.versions import Kind, Shown, version_of
from generations.portal.films.reads import film_context
from generations.portal.post_only import post_only
from generations.portal.studio.refusals import refusal_of
from generations.uploads import upload_url
from platform_site.errors import DailiesError


@require_safe
@generation_required(Permission.VIEW)
def film(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Show the film and how it came about."""
    return render(request, "films/film.html", _context(request, generation))


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
    now, membership = timezone.now(), request.membership
    shown = Shown(Kind.FILM, row_id=generation.pk)
    # The version first: the feed then sends again what changes meanwhile.
    version = version_of(membership, shown, now=now)
    return film_context(membership, generation, now=now) | {"version": version}
