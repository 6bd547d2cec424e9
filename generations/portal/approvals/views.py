"""What waits for a manager: the list, and the page behind the link of an email."""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.authority import By
from accounts.models import Membership
from accounts.people import names_of
from accounts.roles import Permission, role_allows
from generations.approvals import decide_approval, instead_of, read_approval_link
from generations.models import Approval, Generation
from generations.portal.access import (
    MemberRequest,
    acting_member,
    generation_required,
    member_required,
)
from generations.portal.post_only import post_only
from platform_site.errors import DailiesError, InvalidRequest, PermissionDenied
from platform_site.web.requests import actor_request_id

_EARLIER = 20


@require_safe
@member_required(Permission.SUBMIT)
def index(request: MemberRequest) -> HttpResponse:
    """Show what waits, to who decides; what they asked themselves, to others."""
    asked = approvals_for(request.membership)
    decided = asked.exclude(decision=Approval.Decision.OPEN).order_by("-decided_at")
    earlier = list(decided[:_EARLIER])
    waiting = list(asked.filter(decision=Approval.Decision.OPEN).order_by("asked_at"))
    _name_others(waiting, request.membership)
    context = {
        "waiting": waiting,
        "earlier": earlier,
        "names": names_of(one.decided_by for one in earlier),
        "now": timezone.now(),
    }
    return render(request, "approvals/index.html", context)


@post_only("approvals")
@generation_required(Permission.APPROVE)
def decide(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Approve or deny, once, and go back to where the button was."""
    decide_approval(
        generation,
        request.POST.get("decision", ""),
        by=acting_member(request),
        now=timezone.now(),
        reason=request.POST.get("reason", ""),
    )
    if request.POST.get("back") == "film":
        return redirect("film", generation.id)
    return redirect("approvals")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def asked(request: HttpRequest, signed: str) -> HttpResponse:
    """Let the named member decide by the link of their email, signed in or not.

    Looking changes nothing: mail scanners follow links. Once it is decided the page says how.
    """
    approval, member = _named(signed)
    if request.user.is_authenticated and request.user != member.user:
        return redirect("approvals")  # a forwarded link carries nobody's rights but one's own
    problem: DailiesError | None = None
    if request.method == "POST":
        try:
            decide_approval(
                approval.generation,
                request.POST.get("decision", ""),
                by=By.member(member, request_id=actor_request_id(request)),
                now=timezone.now(),
                reason=request.POST.get("reason", ""),
            )
            return redirect(request.path)
        except PermissionDenied as error:
            if approval.generation.user_id != member.user_id:
                raise Http404 from None
            problem = error
        except InvalidRequest as error:
            problem = error  # such as that somebody was quicker, and the page says who
            approval.refresh_from_db()
    if request.user.is_authenticated:
        cast("MemberRequest", request).membership = member
    _name_others([approval], member)
    context = {
        "approval": approval,
        "member": member,
        "names": names_of([approval.decided_by]),
        "problem": problem,
        "is_open": is_open(approval, now=timezone.now()),
    }
    return render(
        request, "approvals/asked.html", context, status=problem.status if problem else 200
    )


def _name_others(approvals: Iterable[Approval], member: Membership) -> None:
    """Hang on to one's own requests who has to approve them in the member's place."""
    own = [one for one in approvals if one.generation.user_id == member.user_id]
    # They are all of one team: who else may is asked once.
    others = instead_of(own[0].generation, member.user_id) if own else ""
    for one in own:
        one.others = others  # type: ignore[attr-defined]  # for the template


def approvals_for(membership: Membership) -> QuerySet[Approval]:
    """Return the team's approvals for who may decide them, for others their own."""
    asked = Approval.objects.filter(generation__team=membership.team).select_related(
        "generation__user", "generation__project", "generation__api_key", "generation__hold"
    )
    if role_allows(membership.role, Permission.APPROVE):
        return asked
    return asked.filter(generation__user=membership.user)


def is_open(approval: Approval, *, now: datetime) -> bool:
    """Return whether the approval can still be decided."""
    return approval.decision == Approval.Decision.OPEN and approval.expires_at > now


def _named(signed: str) -> tuple[Approval, Membership]:
    """Return the link's approval and person, if that person may approve; else 404 alike (P32)."""
    named = read_approval_link(signed)
    if named is None:
        raise Http404
    approval, member = named
    same_team = approval.generation.team_id == member.team_id
    if not same_team or not role_allows(member.role, Permission.APPROVE):
        raise Http404
    return approval, member
