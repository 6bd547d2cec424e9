"""The studio: the form with its price, what is in progress, and the films."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Project
from accounts.roles import Permission
from accounts.selectors import project_for
from generations.catalog import orderable_models
from generations.drafts import draft_for, fresh_key, mark_sent, sent_before, unfinished_drafts
from generations.errors import IdempotencyConflict
from generations.models import Draft, Generation
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
    with_toast,
)
from generations.portal.feed.versions import Kind, Shown, version_of
from generations.portal.post_only import post_only
from generations.portal.studio.drafts import (
    drafted_or_empty_form,
    keep,
    own_draft,
    same_person_required,
)
from generations.portal.studio.form import (
    StudioForm,
    drafted_form,
    remix_form,
    typed_form,
)
from generations.portal.studio.frames import slots_with_crops
from generations.portal.studio.prices import price_of, sending_key
from generations.portal.studio.reads import active_generations, past_generations, rows_asked
from generations.portal.studio.refusals import refusal_of
from generations.portal.words import created_words
from platform_site.errors import DailiesError


@never_cache
@require_safe
@member_required(Permission.VIEW)
def index(request: MemberRequest) -> HttpResponse:
    """Show the studio with `?draft=TOKEN`, or an empty form.

    `?remix=ID` fills a fresh form, and `first_frame=URL` changes where that starts.
    """
    token, source = request.GET.get("draft", ""), request.GET.get("remix", "")
    draft = own_draft(request, token) if token else None
    if source:
        form = remix_form(generation_of_person(request, source))
    else:
        form = drafted_or_empty_form(request, token, draft)
    start = request.GET.get("first_frame", "")
    if start and form:
        form.first_frame, form.last_frame = start, ""
    more: dict[str, Any] = {"reopened": draft, "is_reopened": bool(token)}
    if not token and not source:
        more["unfinished"] = unfinished_drafts(request.membership)
    return _page(request, form, **more)


@never_cache
@require_safe
@member_required(Permission.SUBMIT)
def newer_draft(request: MemberRequest) -> HttpResponse:
    """Show the form again if its draft was saved since the page read it, and not sent.

    A reload asks for the page before the old page's last save has arrived.
    """
    if not request.htmx:
        return redirect("studio")
    draft = draft_for(request.user, request.GET.get("draft", ""))
    if draft is None or draft.team_id != request.membership.team_id:
        return HttpResponse(status=204)
    page, sequence = request.GET.get("page", ""), request.GET.get("sequence", "")
    is_seen = (page, sequence) == (draft.page, str(draft.sequence))
    is_sent = bool(page) and request.GET.get("key", "") != draft.idempotency_key
    if is_seen or is_sent:
        return HttpResponse(status=204)
    return _composer(request, drafted_form(draft))


@post_only("studio")
@member_required(Permission.SUBMIT)
@same_person_required
def submit(request: MemberRequest) -> HttpResponse:
    """Submit the form once; a refusal shows it again with every word in its place."""
    form = typed_form(request.POST.dict())
    if form is None:
        return redirect("studio")
    try:
        form.sent_as = sent_before(request.membership, form.idempotency_key)
        if form.sent_as is None:
            draft, generation = _submitted(request, form)
    except IdempotencyConflict:
        # The same form came twice at once, and differed.
        form.sent_as = sent_before(request.membership, form.idempotency_key)
    except DailiesError as error:
        form.refuse(error)
        return _composer(request, form)
    if form.sent_as is not None:
        _renew(request, form)
        return _composer(request, form)
    form.belong_to(draft)
    if not request.htmx:
        return redirect("studio")
    composer = _composer(request, form, is_sent=True)
    return with_toast(composer, created_words(generation), created=generation.pk)


@post_only("studio")
@member_required(Permission.VIEW)
@same_person_required
def price(request: MemberRequest) -> HttpResponse:
    """Quote the form as it stands, and show what of its frames the film has room for."""
    form = typed_form(request.POST.dict())
    context: dict[str, Any] = {"draft": form}
    if form:
        membership = request.membership
        context["price"] = price_of(form, membership=membership, now=timezone.now())
        context["slots"] = slots_with_crops(form, team=membership.team)
    return render(request, "studio/_price.html", context)


@post_only("studio")
@member_required(Permission.SUBMIT)
@same_person_required
def form(request: MemberRequest) -> HttpResponse:
    """Show the form for another model, keeping what it has in common."""
    typed = typed_form(request.POST.dict())
    return _composer(request, typed.fit() if typed else None)


@require_safe
@member_required(Permission.VIEW)
def films(request: MemberRequest) -> HttpResponse:
    """Show the next page of films, from before the one named."""
    before = request.GET.get("before", "")
    generations, more = past_generations(request.membership.team, before=before, now=timezone.now())
    return render(request, "studio/_films.html", {"past": generations, "more": more})


def _submitted(request: MemberRequest, form: StudioForm) -> tuple[Draft, Generation]:
    """Keep the form and submit it; return its draft, which has another key from then on."""
    now, team = timezone.now(), request.membership.team
    asked = validate_request(form.payload(), team=team, now=now)
    draft = keep(request, form)
    form.token = str(draft.token)
    generation = submit_generation(
        asked,
        by=acting_member(request),
        now=now,
        project=project_for(team, form.project),
        idempotency_key=form.idempotency_key,
        remix_of=draft.remix_of,
        priority=as_priority(form.priority),
    )
    return mark_sent(draft, now=timezone.now()), generation


def _renew(request: MemberRequest, form: StudioForm) -> None:
    """Give a form that was sent before its draft's next key, so that it can be sent as another."""
    draft = draft_for(request.user, form.token)
    if draft is None:
        form.idempotency_key = fresh_key()
        return
    if draft.idempotency_key == form.idempotency_key:  # a crash between the two kept it
        mark_sent(draft, now=timezone.now())
    form.belong_to(draft)


def _composer(request: MemberRequest, form: StudioForm | None, **more: Any) -> HttpResponse:
    """Answer with the form alone, or with the whole page to a browser without scripts."""
    if not request.htmx:
        return _page(request, form)
    return render(request, "studio/_composer.html", _composer_context(request, form) | more)


def _page(request: MemberRequest, form: StudioForm | None, **more: Any) -> HttpResponse:
    now, membership = timezone.now(), request.membership
    rows = rows_asked(request.GET)
    version = version_of(membership, Shown(Kind.STUDIO, rows=rows), now=now)
    past, before = past_generations(membership.team, now=now)
    context = _composer_context(request, form) | more
    context |= {"active": active_generations(membership, rows=rows, now=now), "rows": rows}
    context |= {"past": past, "more": before, "version": version}
    return render(request, "studio/index.html", context)


def _composer_context(request: MemberRequest, form: StudioForm | None) -> dict[str, Any]:
    membership = request.membership
    context: dict[str, Any] = {"draft": form, "models": orderable_models()}
    context["priorities"] = orderable_priorities(membership)
    context["projects"] = Project.objects.filter(team=membership.team, archived_at=None)
    if form is not None:
        context["price"] = price_of(form, membership=membership, now=timezone.now())
        context["refusal"] = refusal_of(form.refusal)
        context["sending_key"] = sending_key(membership, form.model)
        context["slots"] = slots_with_crops(form, team=membership.team)
    return context
