"""The endpoint that the vendor calls: one unguessable path for each generation."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from generations.callbacks import receive_callback
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
            headers=request.headers,
            body=_body(request),
            sent_from=client_address(request),
            request_id=actor_request_id(request),
            now=timezone.now(),
        )
    except DailiesError as error:
        return error_response(error)
    return HttpResponse(status=204)


def _body(request: HttpRequest) -> bytes:
    """Return the body, or nothing of one that cannot be read."""
    try:
        return request.body
    except (RequestDataTooBig, UnreadablePostError):
        return b""
