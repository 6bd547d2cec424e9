"""What a page that stays open asks for: what has changed on it, or that nothing has."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.roles import Permission
from generations.portal.access import MemberRequest, member_required
from generations.portal.feed.versions import Kind, Part, Shown, version_of
from generations.portal.feed.waits import wait_after
from generations.portal.films.reads import film_context
from generations.portal.navigation import navigation_for
from generations.portal.studio.reads import (
    active_generations,
    ended_among,
    past_generations,
    rows_asked,
)
from generations.portal.webhooks.reads import delivery_context, delivery_for
from generations.selectors import generation_for
from platform_site.errors import NotFound


@require_safe
@member_required(Permission.VIEW)
def feed(request: MemberRequest) -> HttpResponse:
    """Answer 304 when the page is up to date, else with its parts that are not.

    `page` is the page's path. `view` says what it shows, as `Kind` has it: of a film or a webhook
    delivery its `id`, of the studio how many `rows` of what is in progress. `ended` names
    generations that the page missed, whose tiles are sent whatever the version. Headers say how
    many seconds to wait before the next look, the team that was meant, and the time, by which a
    page sets its clocks.
    """
    now, shown = timezone.now(), _shown(request.GET)
    # The version first: what changes meanwhile is then sent twice and not missed.
    version = version_of(request.membership, shown, now=now)
    changed = version.changed_since(request.headers.get("If-None-Match", ""))
    ended = request.GET.get("ended", "")
    if changed or ended:
        context = _context(request, shown, changed)
        if ended:
            context["missed"] = ended_among(request.membership.team, ended.split(","), now=now)
        response = render(request, "feed/changes.html", context)
    else:
        response = HttpResponse(status=304)
    response["ETag"] = version.etag
    response["X-Dailies-Wait"] = str(wait_after(version, is_studio=shown.kind == Kind.STUDIO))
    response["X-Dailies-Team"] = request.membership.team.slug
    response["X-Dailies-Now"] = str(int(now.timestamp()))
    return response


def _shown(asked: QueryDict) -> Shown:
    match asked.get("view"):
        case Kind.STUDIO:
            return Shown(Kind.STUDIO, rows=rows_asked(asked))
        case Kind.FILM | Kind.DELIVERY as kind:
            try:
                return Shown(Kind(kind), row_id=UUID(asked.get("id", "")))
            except ValueError:
                raise NotFound from None
    return Shown()


def _context(request: MemberRequest, shown: Shown, changed: frozenset[Part]) -> dict[str, Any]:
    now, membership = timezone.now(), request.membership
    context: dict[str, Any] = {"has_header": Part.HEADER in changed}
    if Part.HEADER in changed:
        context["navigation"] = navigation_for(membership, path=request.GET.get("page", ""))
    if Part.ACTIVE in changed:
        context["active"] = active_generations(membership, rows=shown.rows, now=now)
    if Part.SHEET in changed:
        context["past"], _ = past_generations(membership.team, now=now)
    if Part.FILM in changed and shown.row_id is not None:
        generation = generation_for(membership.team, shown.row_id)
        context |= film_context(membership, generation, now=now)
    if Part.DELIVERY in changed and shown.row_id is not None:
        context |= delivery_context(delivery_for(membership, shown.row_id), now=now)
    return context
