"""Who asks, for which team, and what becomes of a refusal: the portal's one border."""

import json
from collections.abc import Callable
from functools import wraps
from typing import cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render, resolve_url
from django_htmx.middleware import HtmxDetails

from accounts.authority import By
from accounts.models import Membership, User
from accounts.roles import Permission
from accounts.selectors import memberships_of, require, team_for
from generations.models import Generation
from generations.selectors import generation_for
from platform_site.errors import DailiesError, NotFound
from platform_site.web.requests import actor_request_id

TEAM_IN_SESSION = "team"

View = Callable[..., HttpResponseBase]


class MemberRequest(HttpRequest):
    """A request whose person and team are known."""

    user: User
    membership: Membership
    htmx: HtmxDetails


def member_required(permission: Permission) -> Callable[[View], View]:
    """Let in people whose role in their current team carries `permission`.

    Sets `request.membership`. Strangers are asked to sign in; refusals that the view does not
    show itself become pages here, once.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(asked: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            request = cast("MemberRequest", asked)
            if not asked.user.is_authenticated:
                return _sign_in(request)
            membership = current_membership(request)
            if membership is None:
                is_visit = request.method in {"GET", "HEAD"}
                return render(request, "no_team.html", status=200 if is_visit else 403)
            request.membership = membership
            try:
                require(membership, permission)
                return view(request, *args, **kwargs)
            except NotFound as error:
                raise Http404 from error
            except DailiesError as error:
                return _refused(request, error)

        return guarded

    return decorate


def generation_required(permission: Permission) -> Callable[[View], View]:
    """Let in people whose role in the generation's own team carries `permission`.

    The view gets the generation in place of its id. The generation may be of any of the person's
    teams; that team, and no other, decides what they may do with it, and becomes the current one,
    so that a link from a colleague opens whichever team was looked at last. Unknown ids and
    strangers' are not found alike (P32).
    """

    def decorate(view: View) -> View:
        @member_required(Permission.VIEW)
        @wraps(view)
        def found(
            request: MemberRequest, generation_id: str, *args: object, **kwargs: object
        ) -> HttpResponseBase:
            entered = request.membership
            generation = generation_of_person(request, generation_id)
            require(request.membership, permission)
            if request.membership != entered:
                enter_team(request, request.membership)
            return view(request, generation, *args, **kwargs)

        return found

    return decorate


def current_membership(request: MemberRequest) -> Membership | None:
    """Return the membership in the team that the person chose last, else in their first one."""
    for slug in (request.session.get(TEAM_IN_SESSION), None):
        try:
            return team_for(request.user, slug)
        except NotFound:
            continue
    return None


def enter_team(request: MemberRequest, membership: Membership) -> None:
    """Make this team the current one, for this request and the next ones."""
    request.session[TEAM_IN_SESSION] = membership.team.slug
    request.membership = membership


def generation_of_person(request: MemberRequest, generation_id: str) -> Generation:
    """Return a generation of the current team, or of another team of this person.

    The request is about the generation's team from then on: `membership` is the one there. Raises
    `TaskNotFound` alike for unknown ids and strangers' (P32).
    """
    try:
        return generation_for(request.membership.team, generation_id)
    except NotFound:
        for membership in memberships_of(request.user).exclude(pk=request.membership.pk):
            try:
                generation = generation_for(membership.team, generation_id)
            except NotFound:
                continue
            request.membership = membership
            return generation
        raise


def acting_member(request: MemberRequest) -> By:
    """Return the person with their rights in the team that the request is about."""
    return By.member(request.membership, request_id=actor_request_id(request))


def with_toast(response: HttpResponse, message: str, *, tone: str = "plain") -> HttpResponse:
    """Let the page show a passing message once it has swapped this response in."""
    response["HX-Trigger"] = json.dumps({"dailies:toast": {"message": message, "tone": tone}})
    return response


def _sign_in(request: MemberRequest) -> HttpResponse:
    """Send to the sign-in page; a fragment's request must not swap that page into its corner."""
    login = resolve_url(settings.LOGIN_URL)
    if not request.htmx:
        return HttpResponseRedirect(f"{login}?{urlencode({'next': request.get_full_path()})}")
    shown = urlsplit(request.htmx.current_url or "").path or "/"
    response = HttpResponse(status=204)
    response["HX-Redirect"] = f"{login}?{urlencode({'next': shown})}"
    return response


def _refused(request: MemberRequest, error: DailiesError) -> HttpResponse:
    if request.htmx:
        response = HttpResponse(status=204)
        return with_toast(response, error.message, tone="bad")
    return render(request, "refused.html", {"error": error}, status=error.status)
