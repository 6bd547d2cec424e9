"""Which team a person works in."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.roles import Permission
from accounts.selectors import team_for
from generations.portal.access import MemberRequest, enter_team, member_required


@require_POST
@member_required(Permission.VIEW)
def switch(request: MemberRequest) -> HttpResponse:
    """Change to another team of one's own."""
    enter_team(request, team_for(request.user, request.POST.get("team", "")))
    return redirect("studio")
