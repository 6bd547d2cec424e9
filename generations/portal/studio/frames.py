"""The frames of the studio's form: taking one in, and what the film will show of it."""

from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django_htmx.http import trigger_client_event

from accounts.errors import RateLimitExceeded
from accounts.models import Team
from accounts.roles import Permission
from generations.catalog import Choice, parameters_of
from generations.errors import TooManyUploads
from generations.models import Upload, VideoModel
from generations.portal.access import MemberRequest, acting_member, member_required
from generations.portal.post_only import post_only
from generations.portal.studio.crops import crop_of, nearest_ratio
from generations.portal.studio.form import FRAMES, FrameSlot, StudioForm, model_named
from generations.uploads import (
    require_upload_room,
    store_upload,
    upload_url,
    uploaded_token,
)
from platform_site.errors import InvalidRequest, NotFound, Unavailable
from platform_site.web.requests import is_unread

_RATIO = "aspect_ratio"


@post_only("studio")
@member_required(Permission.SUBMIT)
def frame(request: MemberRequest, name: str) -> HttpResponse:
    """Take in a first or last frame, or empty its slot when no file comes.

    The page is told of the ratio of the model that a first frame comes nearest to.
    """
    if name not in FRAMES:
        raise NotFound
    slot, ratio = FrameSlot(name), ""
    try:
        stored = _taken_in(request, f"{name}_file")
    except (InvalidRequest, RateLimitExceeded, TooManyUploads, Unavailable) as error:
        slot = FrameSlot(name, error=error.message)
    else:
        if stored is not None:
            slot = FrameSlot(name, url=upload_url(stored))
        if stored is not None and name == FRAMES[0]:
            ratio = _nearest(stored, model_named(request.POST.get("model", "")))
    response = render(request, "studio/_frame.html", {"slot": slot, "is_answer": True})
    trigger_client_event(response, "dailies:frame", {"ratio": ratio}, after="settle")
    return response


def slots_with_crops(form: StudioForm, *, team: Team) -> list[FrameSlot]:
    """Return the form's slots; a frame that the team has uploaded with what the film cuts off."""
    slots, ratio = form.frames, form.typed.get(_RATIO, "")
    tokens = {slot.name: uploaded_token(slot.url) for slot in slots if slot.url}
    known = Upload.objects.filter(team=team, token__in=[one for one in tokens.values() if one])
    sizes = {upload.token: (upload.width, upload.height) for upload in known} if tokens else {}
    return [
        replace(slot, crop=crop_of(*size, ratio))
        if (size := sizes.get(tokens.get(slot.name) or ""))
        else slot
        for slot in slots
    ]


def _taken_in(request: MemberRequest, field: str) -> Upload | None:
    """Store the image of a form's field; None when none came."""
    now = timezone.now()
    if is_unread(request):
        require_upload_room(acting_member(request), now=now)
        raise Unavailable
    file = request.FILES.get(field)
    return None if file is None else store_upload(file, by=acting_member(request), now=now)


def _nearest(upload: Upload, model: VideoModel | None) -> str:
    for parameter in parameters_of(model) if model else ():
        if parameter.name == _RATIO and isinstance(parameter, Choice):
            return nearest_ratio(upload.width, upload.height, parameter.choices)
    return ""
