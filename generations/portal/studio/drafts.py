"""The studio's draft: saved as people type, found again, and thrown away."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from accounts.roles import Permission
from accounts.selectors import memberships_of
from generations.drafts import (
    discard_draft,
    draft_for,
    earlier_prompts,
    last_settings,
    save_draft,
)
from generations.models import Draft
from generations.portal.access import MemberRequest, acting_member, member_required
from generations.portal.post_only import post_only
from generations.portal.studio.form import (
    StudioForm,
    drafted_form,
    remembered_form,
    typed_form,
)
from generations.selectors import generation_for
from platform_site.errors import InvalidRequest

View = Callable[..., HttpResponseBase]


def same_person_required(view: View) -> View:
    """Let in forms of pages that were opened by whoever is signed in.

    Another page of this browser may have signed somebody else in: theirs is neither the text nor
    the wallet, and the page is loaded again as what they may see.
    """

    @wraps(view)
    def guarded(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.POST.get("person", str(request.user.pk)) == str(request.user.pk):
            return view(request, *args, **kwargs)
        if request.htmx:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return redirect("studio")

    return guarded


@post_only("studio")
@member_required(Permission.VIEW)
@same_person_required
def save(request: MemberRequest) -> HttpResponse:
    """Keep the form as it stands, and say so; the page is told when its draft is another one."""
    form = typed_form(request.POST.dict())
    if form is None:
        return HttpResponse(status=204)
    try:
        draft = keep(request, form)
    except InvalidRequest as error:
        return render(request, "studio/_saved.html", {"problem": error.message})
    response = render(request, "studio/_saved.html", {"saved": draft})
    if str(draft.token) != form.token:
        fields = {"draft": str(draft.token), "idempotency_key": draft.idempotency_key}
        trigger_client_event(response, "dailies:draft", fields)
    return response


@post_only("studio")
@member_required(Permission.SUBMIT)
def discard(request: MemberRequest) -> HttpResponse:
    """Throw an unfinished draft away."""
    discard_draft(request.POST.get("draft", ""), by=acting_member(request))
    return redirect("studio")


@never_cache
@require_safe
@member_required(Permission.SUBMIT)
def prompts(request: MemberRequest) -> HttpResponse:
    """Return the person's earlier prompts in the team, newest first, as JSON."""
    return JsonResponse({"prompts": earlier_prompts(request.membership)})


def keep(request: MemberRequest, form: StudioForm) -> Draft:
    """Save a posted form. Raises `TaskNotFound` for a strange film to remix, and what `save_draft`
    raises.
    """
    team = request.membership.team
    source = generation_for(team, form.remix_of) if form.remix_of else None
    return save_draft(
        form.token,
        form.content(source),
        state=form.state,
        by=acting_member(request),
        now=timezone.now(),
    )


def own_draft(request: MemberRequest, token: str) -> Draft | None:
    """Return a draft of the person's in any of their teams, which the request is then about."""
    draft = draft_for(request.user, token)
    if draft is None or draft.team_id == request.membership.team_id:
        return draft
    membership = memberships_of(request.user).filter(team=draft.team).first()
    if membership is None:
        return None
    request.membership = membership
    return draft


def drafted_or_empty_form(
    request: MemberRequest, token: str, draft: Draft | None
) -> StudioForm | None:
    """Return the form of a draft, or an empty one under its token; None without any model."""
    if draft is not None:
        return drafted_form(draft)
    form = remembered_form(last_settings(request.membership), membership=request.membership)
    if form is not None and token:
        form.token = token[:40]
    return form
