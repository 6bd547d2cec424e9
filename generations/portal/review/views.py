"""What waits for the vendor's answer or a person: the evidence, the advice, and the decision."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.roles import Permission
from generations.errors import NoProviderAnswer
from generations.models import Generation
from generations.portal.access import (
    MemberRequest,
    acting_member,
    generation_required,
    member_required,
)
from generations.portal.pending_cancel import name_cancel_requesters
from generations.portal.post_only import post_only
from generations.review import (
    decide_review,
    decided_lately,
    decides_reviews,
    in_review_for,
    look_now,
    reviews_of,
)
from platform_site.errors import DailiesError, InvalidRequest

MOST = 50
_EARLIER = 20


@require_safe
@member_required(Permission.SUBMIT)
def index(request: MemberRequest) -> HttpResponse:
    """Show what is in review: the team's to who decides, their own to others."""
    return render(request, "review/index.html", _context(request))


@post_only("review")
@generation_required(Permission.APPROVE)
def decide(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Release, mark as spent, or link the task; a refusal is shown beside what was typed."""
    try:
        decide_review(
            generation,
            request.POST.get("decision", ""),
            by=acting_member(request),
            reason=request.POST.get("reason", ""),
            upstream_id=request.POST.get("upstream_id", ""),
            despite_time=request.POST.get("despite_time") == "on",
            now=timezone.now(),
        )
    except (InvalidRequest, NoProviderAnswer) as error:
        return _refused(request, generation, error)
    return redirect("review")


@post_only("review")
@generation_required(Permission.SUBMIT)
def look(request: MemberRequest, generation: Generation) -> HttpResponse:
    """Have the vendor asked at once."""
    if not in_review_for(request.membership).filter(pk=generation.pk).exists():
        return redirect("film", generation.id)
    look_now(generation, by=acting_member(request), now=timezone.now())
    return redirect("review")


def _refused(request: MemberRequest, generation: Generation, error: DailiesError) -> HttpResponse:
    typed = {name: request.POST.get(name, "")[:500] for name in ("reason", "upstream_id")}
    refused = {"refused_id": generation.pk, "error": error, "typed": typed}
    context = _context(request) | refused
    return render(request, "review/index.html", context, status=error.status)


def _context(request: MemberRequest) -> dict[str, Any]:
    now, rows = timezone.now(), in_review_for(request.membership)
    shown = list(rows[:MOST])
    name_cancel_requesters(shown)
    return {
        "reviews": reviews_of(shown, now=now),
        "count": rows.count(),
        "decides": decides_reviews(request.membership),
        "earlier": decided_lately(request.membership)[:_EARLIER],
        "now": now,
    }
