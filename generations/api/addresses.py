"""Addresses of the API that are written a little wrong: served where it is clear what is meant,
else refused with the right one.
"""

import difflib
import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt

from platform_site.errors import NotFound
from platform_site.web.addresses import is_for_programs, tidied
from platform_site.web.envelope import error_response

ROOT = "/v1/"
# The name in the urlconf of whatever answers for an address that does not exist.
UNKNOWN = "api_unknown"
TASK = "/v1/tasks/{id}"
_STATIC = ("/v1/videos/generations", "/v1/credits", "/v1/uploads")
_BASES = frozenset({"api", "v1"})
_ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_MAX_SHOWN = 200


class ApiAddressMiddleware:
    """Serve `//v1/credits/` as `/v1/credits`, and answer slips in the base address in JSON.

    An address that exists otherwise is left alone. Every answer of the API says that it is not to
    be stored: it holds what one key may see.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, under the address that it means."""
        request.path = request.path_info = path = tidied(request.path_info)
        if not path.startswith(ROOT) and _is_a_slip(path):
            response: HttpResponse = unknown_address(request)
        else:
            response = self.get_response(request)
        if is_for_programs(path):
            response.setdefault("Cache-Control", "no-store")
        return response


@csrf_exempt
def unknown_address(request: HttpRequest, path: str = "") -> JsonResponse:
    """Answer any address that does not exist (404), and name the one that may be meant."""
    return error_response(not_there(request.path))


def not_there(path: str) -> NotFound:
    """Return the refusal of a path, with the address that may be meant in its message."""
    meant = meant_address(path)
    hint = f" Did you mean {meant}?" if meant else ""
    return NotFound(f"There is nothing at {path[:_MAX_SHOWN]}.{hint}")


def meant_address(path: str) -> str | None:
    """Return the address of the API that a path which does not exist comes close to."""
    segments = _below_the_base(path)
    exact = _exact_address(segments)
    if exact or not segments:
        return exact
    if segments[0].lower() in {"task", "tasks"}:
        return TASK
    written = ROOT + "/".join(segments).lower()
    near = difflib.get_close_matches(written, _STATIC, n=1, cutoff=0.7)
    return near[0] if near else None


def _below_the_base(path: str) -> list[str]:
    """Return the segments behind `/api`, `/v1` and whatever of them comes twice."""
    segments = [segment for segment in path.split("/") if segment.strip()]
    while segments and segments[0].lower() in _BASES:
        segments.pop(0)
    return segments


def _exact_address(segments: list[str]) -> str | None:
    """Return the one address that these segments mean: what exists, or the task with the id."""
    tail = "/".join(segments)
    for address in (ROOT + tail, ROOT + tail.lower()):
        if tail and _exists(address):
            return address
    found = next((segment for segment in segments if _ID.fullmatch(segment)), None)
    return f"{ROOT}tasks/{found}" if found else None


def _is_a_slip(path: str) -> bool:
    """Return whether a path outside the API, at which there is no page, was meant for it."""
    if _exists(path):
        return False
    segments = _below_the_base(path)
    first = segments[0].lower() if segments else ""
    return is_for_programs(path) or (
        first in {"credits", "tasks", "uploads", "videos"} and meant_address(path) is not None
    )


def _exists(path: str) -> bool:
    try:
        return resolve(path).url_name != UNKNOWN
    except Resolver404:
        return False
