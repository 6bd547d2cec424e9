"""Files whose address is all that one needs: of use from any origin, in safe ways only."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

ALLOWED = "GET, HEAD, OPTIONS"
# Shown in a tab of its own, a file of somebody else's may run nothing and ask nobody for anything.
_ALONE = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; sandbox"
)
_EXPOSED = (
    "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Last-Modified, "
    "Retry-After"
)
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": _EXPOSED,
    "Cross-Origin-Resource-Policy": "cross-origin",
}
PREFLIGHT = {
    "Access-Control-Allow-Headers": "If-Match, If-Modified-Since, If-None-Match, If-Range, Range",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Max-Age": "86400",
    "Cache-Control": "public, max-age=86400",
}

View = Callable[..., HttpResponseBase]


def for_any_origin(view: View) -> View:
    """Let a view answer GET and HEAD of any origin, be it that there is no such file. OPTIONS is
    answered here; other methods get a 405, in plain text.
    """

    @csrf_exempt
    @wraps(view)
    def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        response: HttpResponseBase
        if request.method == "OPTIONS":
            response = HttpResponse(status=204, headers={"Allow": ALLOWED, **PREFLIGHT})
        elif request.method in {"GET", "HEAD"}:
            try:
                response = view(request, *args, **kwargs)
                response["Content-Security-Policy"] = _ALONE
            except Http404:
                response = render(request, "404.html", status=404)
        else:
            response = HttpResponse(
                "This address answers GET and HEAD.\n",
                status=405,
                content_type="text/plain; charset=utf-8",
                headers={"Allow": ALLOWED},
            )
        for name, value in HEADERS.items():
            response[name] = value
        return response

    return answered
