"""Who asks, for which team, and what becomes of a refusal: the portal's one border."""

import json
from collections.abc import Callable
from functools import wraps
from typing import cast
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from django.conf import settings
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from accounts.authority import By
from accounts.errors import RateLimitExceeded
from accounts.models import Membership, User
from accounts.roles import Permission
from accounts.selectors import memberships_of, require, team_for
from accounts.teams import enter_team
from generations.models import Generation
from generations.selectors import generation_for
from platform_site.errors import DailiesError, InvalidRequest, NotFound
from platform_site.rates import Rate
from platform_site.web.envelope import headers_of
from platform_site.web.requests import actor_request_id

# What the scripts of a page send in place of a form's field `team`.
TEAM_HEADER = "X-Dailies-Team"
# A minute in each process, of one person: twenty times what a busy desk of tabs asks.
PERSONS_RATE = Rate(1_200)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TEAM_IN_SESSION = "team"
_OTHER_TEAM = (
    "You have changed to another team since this page was opened. Check the team above, then send "
    "it again."
)
_NO_TEAM = (
    "This form does not say which team it is for, so nothing was changed. Open its page again, "
    "then send it once more."
)

View = Callable[..., HttpResponseBase]


class MemberRequest(HttpRequest):
    """A request whose person and team are known."""

    user: User
    membership: Membership
    # In the team that a page is about when nothing names another.
    chosen: Membership
    htmx: HtmxDetails


def member_required(permission: Permission) -> Callable[[View], View]:
    """Let in people whose role carries `permission` in the team that the request is about.

    Sets `request.membership`. A request that may change something names its team, as every form
    does; what only shows is about the team that it names or, without a name, the one chosen last.
    Strangers are asked to sign in; refusals that the view does not show itself become pages here,
    once.
    """

    def decorate(view: View) -> View:
        def allowed(request: MemberRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if request.method not in SAFE and not _named_team(request):
                raise InvalidRequest(_NO_TEAM)
            _keep_team(request)
            require(request.membership, permission)
            return view(request, *args, **kwargs)

        return wraps(view)(_guarded(allowed))

    return decorate


def generation_required(permission: Permission) -> Callable[[View], View]:
    """Let in people whose role in the generation's own team carries `permission`.

    The view gets the generation in place of its id. The generation may be of any of the person's
    teams; that team, and no other, decides what they may do with it, whatever the form names.
    Unknown ids and strangers' are not found alike (P32).
    """

    def decorate(view: View) -> View:
        def found(
            request: MemberRequest, generation_id: str, *args: object, **kwargs: object
        ) -> HttpResponseBase:
            require(request.membership, Permission.VIEW)
            generation = generation_of_person(request, generation_id)
            require(request.membership, permission)
            _keep_team(request)
            return view(request, generation, *args, **kwargs)

        return wraps(view)(_guarded(found))

    return decorate


def membership_by_head(request: MemberRequest) -> Membership | None:
    """Return in which team a signed-in person's request is, without reading its body; or None."""
    try:
        named = request.headers.get(TEAM_HEADER, "")
        return team_for(request.user, named) if named else _chosen_membership(request)
    except NotFound:
        return None


def generation_of_person(request: MemberRequest, generation_id: str) -> Generation:
    """Return a generation of the request's team, or of another team of this person.

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


def with_toast(
    response: HttpResponse, message: str, *, tone: str = "plain", created: UUID | None = None
) -> HttpResponse:
    """Let the page show a passing message once it has swapped this response in.

    `created` is the generation that the message is about, which is then not announced again.
    """
    detail = {"message": message, "tone": tone}
    if created:
        detail["created"] = str(created)
    response["HX-Trigger"] = json.dumps({"dailies:toast": detail})
    return response


def _guarded(view: View) -> View:
    def guarded(asked: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        request = cast("MemberRequest", asked)
        if not asked.user.is_authenticated:
            return _sign_in(request)
        try:
            now = timezone.now()
            if not PERSONS_RATE.take(request.user.pk, now=now):
                raise RateLimitExceeded(details=PERSONS_RATE.details(now))
            named = _named_team(request)
            membership = team_for(request.user, named) if named else _chosen_membership(request)
            if membership is None:
                status = 200 if request.method in SAFE else 403
                return render(request, "no_team.html", status=status)
            request.membership = request.chosen = membership
            return _entered(request, view(request, *args, **kwargs))
        except NotFound as error:
            raise Http404 from error
        except DailiesError as error:
            return _refused(request, error)

    return guarded


def _named_team(request: MemberRequest) -> str:
    """Return the slug that the request's script or form names, or "". Raises `InvalidRequest` for
    two that differ.
    """
    by_script = request.headers.get(TEAM_HEADER, "")
    if by_script and request.content_type == "multipart/form-data":
        return by_script  # what is uploaded is read only by who may
    by_form = request.POST.get("team", "")
    if by_script and by_form and by_script != by_form:
        raise InvalidRequest(_OTHER_TEAM)
    return by_script or by_form


def _chosen_membership(request: MemberRequest) -> Membership | None:
    """Return the membership in the team that the person chose last: in this session, else in any,
    else in their first one.
    """
    for slug in (request.session.get(_TEAM_IN_SESSION), None):
        try:
            return team_for(request.user, slug)
        except NotFound:
            continue
    return None


def _keep_team(request: MemberRequest) -> None:
    """Let the pages that follow an act be about the team that it was in. Looking keeps nothing."""
    if request.method not in SAFE:
        request.chosen = request.membership
        request.session[_TEAM_IN_SESSION] = request.membership.team.slug


def _entered(request: MemberRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Keep the team of an act for the session after this one; what is refused changes no row."""
    if request.method not in SAFE and response.status_code < 400:
        enter_team(request.membership, now=timezone.now())
    return response


def _sign_in(request: MemberRequest) -> HttpResponse:
    """Send to the sign-in page; a fragment's request must not swap that page into its corner.

    The page stays where it is, with all that was typed, and offers the address that this names.
    """
    login = resolve_url(settings.LOGIN_URL)
    if not request.htmx:
        return HttpResponseRedirect(f"{login}?{urlencode({'next': request.get_full_path()})}")
    try:
        parts = urlsplit(request.htmx.current_url or "")
    except ValueError:
        parts = urlsplit("")
    shown = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    response = HttpResponse(status=204)
    response["HX-Redirect"] = f"{login}?{urlencode({'next': shown})}"
    return response


def _refused(request: MemberRequest, error: DailiesError) -> HttpResponse:
    if request.htmx:
        response = HttpResponse(status=204)
        return with_toast(response, error.message, tone="bad")
    page = render(request, "refused.html", {"error": error}, status=error.status)
    for name, value in headers_of(error).items():
        page[name] = value
    return page
