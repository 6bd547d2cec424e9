"""The studio: the form with its price, what is under way, and the films."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.models import Project
from accounts.roles import Permission
from accounts.selectors import project_for
from generations.catalog import orderable_models
from generations.errors import TooManyUploads
from generations.models import Generation
from generations.ordering import (
    as_priority,
    orderable_priorities,
    submit_generation,
    validate_request,
)
from generations.portal.access import (
    MemberRequest,
    acting_member,
    generation_of_person,
    member_required,
)
from generations.portal.polling import STOP_POLLING
from generations.portal.post_only import post_only
from generations.portal.studio.drafts import (
    FRAMES,
    Draft,
    FrameSlot,
    blank_draft,
    fresh_key,
    model_named,
    remix_draft,
    typed_draft,
)
from generations.portal.studio.prices import price_of, sending_key
from generations.portal.studio.reads import active_generations, ended_among, past_generations
from generations.portal.studio.refusals import refusal_of
from generations.selectors import generation_for
from generations.uploads import require_upload_room, store_upload, upload_url
from platform_site.errors import DailiesError, InvalidRequest, NotFound, Unavailable
from platform_site.web.requests import is_unread


@require_GET
@member_required(Permission.VIEW)
def index(request: MemberRequest) -> HttpResponse:
    """Show the studio; `?remix=ID` fills the form, `first_frame=URL` changes where it starts."""
    model = model_named("")
    draft = blank_draft(model) if model else None
    source = request.GET.get("remix", "")
    if source and draft:
        draft = remix_draft(generation_of_person(request, source)) or draft
    start = request.GET.get("first_frame", "")
    if start and draft:
        draft.first_frame, draft.last_frame = start, ""
    return _page(request, draft)


@post_only("studio")
@member_required(Permission.SUBMIT)
def submit(request: MemberRequest) -> HttpResponse:
    """Submit the form once; a refusal shows it again with every word in its place."""
    draft = typed_draft(request.POST.dict())
    if draft is None:
        return redirect("studio")
    try:
        _submitted(request, draft)
    except DailiesError as error:
        draft.refuse(error)
        return _composer(request, draft)
    draft.idempotency_key = fresh_key()
    if not request.htmx:
        return redirect("studio")
    return _composer(request, draft, is_sent=True)


@post_only("studio")
@member_required(Permission.VIEW)
def price(request: MemberRequest) -> HttpResponse:
    """Quote the form as it stands."""
    draft = typed_draft(request.POST.dict())
    now = timezone.now()
    tag = price_of(draft, membership=request.membership, now=now) if draft else None
    return render(request, "studio/_price.html", {"draft": draft, "price": tag})


@post_only("studio")
@member_required(Permission.SUBMIT)
def form(request: MemberRequest) -> HttpResponse:
    """Show the form for another model, keeping what it has in common."""
    draft = typed_draft(request.POST.dict())
    return _composer(request, draft.fit() if draft else None)


@post_only("studio")
@member_required(Permission.SUBMIT)
def frame(request: MemberRequest, name: str) -> HttpResponse:
    """Take in a first or last frame, or empty its slot when no file comes."""
    if name not in FRAMES:
        raise NotFound
    try:
        slot = FrameSlot(name, url=_taken_in(request, f"{name}_file"))
    except (InvalidRequest, TooManyUploads, Unavailable) as error:
        slot = FrameSlot(name, error=error.message)
    return render(request, "studio/_frame.html", {"slot": slot, "is_answer": True})


@require_GET
@member_required(Permission.VIEW)
def active(request: MemberRequest) -> HttpResponse:
    """Show what is under way, and hand over what has ended since the page last asked."""
    now = timezone.now()
    generations = active_generations(request.membership.team, now=now)
    was = [one for one in request.GET.get("was", "").split(",") if one]
    context = {
        "active": generations,
        "ended": ended_among(request.membership.team, was, now=now),
        "is_answer": True,
    }
    status = 200 if any(not generation.is_slow for generation in generations) else STOP_POLLING
    return render(request, "studio/_active.html", context, status=status)


@require_GET
@member_required(Permission.VIEW)
def films(request: MemberRequest) -> HttpResponse:
    """Show the next page of films, from before the one named."""
    before = request.GET.get("before", "")
    generations, more = past_generations(request.membership.team, before=before, now=timezone.now())
    return render(request, "studio/_films.html", {"past": generations, "more": more})


def _taken_in(request: MemberRequest, field: str) -> str:
    """Store the image of a form's field and return its link; "" when none came."""
    now = timezone.now()
    if is_unread(request):
        require_upload_room(acting_member(request), now=now)
        raise Unavailable
    file = request.FILES.get(field)
    return (
        upload_url(store_upload(file, by=acting_member(request), now=now))
        if file is not None
        else ""
    )


def _submitted(request: MemberRequest, draft: Draft) -> Generation:
    now, team = timezone.now(), request.membership.team
    source = None
    if draft.remix_of:
        source = generation_for(team, draft.remix_of)
    return submit_generation(
        validate_request(draft.payload(), team=team, now=now),
        by=acting_member(request),
        now=now,
        project=project_for(team, draft.project),
        idempotency_key=draft.idempotency_key,
        remix_of=source,
        priority=as_priority(draft.priority),
    )


def _composer(request: MemberRequest, draft: Draft | None, **more: Any) -> HttpResponse:
    """Answer with the form alone, or with the whole page to a browser without scripts."""
    if not request.htmx:
        return _page(request, draft)
    context = _composer_context(request, draft) | more
    if more.get("is_sent"):
        context["active"] = active_generations(request.membership.team, now=timezone.now())
    return render(request, "studio/_composer_answer.html", context)


def _page(request: MemberRequest, draft: Draft | None) -> HttpResponse:
    now, team = timezone.now(), request.membership.team
    past, more = past_generations(team, now=now)
    context = _composer_context(request, draft)
    context |= {"active": active_generations(team, now=now), "past": past, "more": more}
    return render(request, "studio/index.html", context)


def _composer_context(request: MemberRequest, draft: Draft | None) -> dict[str, Any]:
    membership = request.membership
    context: dict[str, Any] = {"draft": draft, "models": orderable_models()}
    context["priorities"] = orderable_priorities(membership)
    context["projects"] = Project.objects.filter(team=membership.team, archived_at=None)
    if draft is not None:
        context["price"] = price_of(draft, membership=membership, now=timezone.now())
        context["refusal"] = refusal_of(draft.refusal)
        context["sending_key"] = sending_key(membership, draft.model)
    return context
