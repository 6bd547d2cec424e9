"""Headers that every answer has unless its view knows better, and the one that few may send."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from platform_site.web.requests import is_from_trusted_proxy

_PERMISSIONS = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
    "xr-spatial-tracking",
)
USUAL = {
    # What one person may see is for nobody's cache, nor for whoever sits down there next.
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _PERMISSIONS),
}


class UsualHeadersMiddleware:
    """Add the usual headers to an answer that does not say otherwise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the headers."""
        response = self.get_response(request)
        for name, value in USUAL.items():
            response.setdefault(name, value)
        return response


class ProgramHeadersMiddleware(UsualHeadersMiddleware):
    """Beside the usual headers, let a browser do nothing with an answer for programs."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, with the headers."""
        response = super().__call__(request)
        response.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        return response


class TrustedProxyMiddleware:
    """Forget `X-Forwarded-Proto` of a peer that is no proxy of ours.

    Django believes it of anybody, and would take a plain request for one over TLS.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer what the peer may have said."""
        if not is_from_trusted_proxy(request):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)
        return self.get_response(request)
