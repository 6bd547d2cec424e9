"""The endpoint that the vendor calls: one unguessable path for each generation."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from generations.callbacks.service import receive_callback
from generations.vendors.aivideoapi.wire import read_json, usable_task_id
from platform_site.errors import DailiesError
from platform_site.web.envelope import error_response
from platform_site.web.requests import actor_request_id, client_address


@csrf_exempt
@require_POST
def callback(request: HttpRequest, token: str) -> HttpResponse:
    """Answer 204 when noted; one and the same 404, or 503 to have it delivered again, when not."""
    try:
        receive_callback(
            token,
            proposed_id=_proposed_id(request),
            event=request.headers.get("X-Event", ""),
            sent_from=client_address(request),
            request_id=actor_request_id(request),
            now=timezone.now(),
        )
    except DailiesError as error:
        return error_response(error)
    return HttpResponse(status=204)


def _proposed_id(request: HttpRequest) -> str:
    """Return the body's task id, or "" for a body that names none."""
    try:
        body = read_json(request.body)
    except (RequestDataTooBig, UnreadablePostError):
        return ""
    task_id = body.get("id") if isinstance(body, dict) else None
    return usable_task_id(task_id) or ""
