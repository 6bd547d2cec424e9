"""Who may hand in an image, by the head of the request alone."""

from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.utils import timezone

from generations.api.authentication import caller_of
from generations.uploads import require_upload_room
from platform_site.errors import DailiesError


def may_upload(environ: dict[str, Any]) -> bool:
    """Return whether the body of an upload is worth reading: of a form, from a key that may.

    The view asks again and refuses in words; nothing is counted here.
    """
    request = WSGIRequest(environ)
    if request.content_type != "multipart/form-data":
        return False
    try:
        caller = caller_of(request, is_counted=False)
        require_upload_room(caller.by, now=timezone.now())
    except DailiesError:
        return False
    return True
