"""A person's notifications in their team, and which of them they have read."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from accounts.notices import mark_read
from accounts.roles import Permission
from accounts.selectors import notices_for
from generations.portal.access import MemberRequest, acting_member, member_required
from generations.portal.post_only import post_only

PAGE = 30


@require_safe
@member_required(Permission.VIEW)
def index(request: MemberRequest) -> HttpResponse:
    """Show the newest notices, or those before the one named."""
    notices = notices_for(request.membership)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        notices = notices.filter(pk__lt=int(before))
    page = list(notices[: PAGE + 1])
    more = page[PAGE - 1].pk if len(page) > PAGE else None
    context = {"notices": page[:PAGE], "more": more, "is_first": not before}
    return render(request, "notices/index.html", context)


@post_only("notices")
@member_required(Permission.VIEW)
def read(request: MemberRequest) -> HttpResponse:
    """Note that everything up to the newest shown notice was read; show what is unread yet."""
    up_to = request.POST.get("up_to", "")
    known = notices_for(request.membership).order_by("-pk")
    if up_to.isascii() and up_to.isdecimal() and len(up_to) < 19:
        newest = known.filter(pk__lte=int(up_to)).first()
        if newest is not None:
            mark_read(up_to=newest.pk, by=acting_member(request))
    if request.htmx:
        return render(request, "notices/_read.html")
    return redirect("notices")
