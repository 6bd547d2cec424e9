"""Who may hand in a frame, by the head of the request alone."""

from importlib import import_module
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIRequest
from django.utils import timezone

from generations.portal.access import MemberRequest, acting_member, membership_by_head
from generations.uploads import require_upload_room
from platform_site.errors import DailiesError


def may_hand_in(environ: dict[str, Any]) -> bool:
    """Return whether the body of a frame's form is worth reading: from a member who may submit.

    The view asks again and refuses in words.
    """
    request = cast("MemberRequest", WSGIRequest(environ))
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    if not user.is_authenticated:
        return False
    request.user = user
    membership = membership_by_head(request)
    if membership is None:
        return False
    request.membership = membership
    try:
        require_upload_room(acting_member(request), now=timezone.now())
    except DailiesError:
        return False
    return True
