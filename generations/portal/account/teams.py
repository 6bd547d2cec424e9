"""Which team a person works in."""

from django.http import HttpResponse
from django.shortcuts import redirect

from accounts.roles import Permission
from generations.portal.access import MemberRequest, member_required
from generations.portal.post_only import post_only


@post_only("studio")
@member_required(Permission.VIEW)
def switch(_request: MemberRequest) -> HttpResponse:
    """Change to the team that the form names: whatever is sent from there is kept."""
    return redirect("studio")
