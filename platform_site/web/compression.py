"""Compress pages on their way out."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressPagesMiddleware(GZipMiddleware):
    """Django's compression, for whole HTML pages only.

    Films, their ranges and CSV reports are streamed as they are; static files are compressed once
    and for all. What a page's length may give away is blurred: Django pads each answer at random,
    and the token against forgery is masked differently in each (BREACH).
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Return the response, compressed if it is a page and the browser takes it so."""
        is_page = response.get("Content-Type", "").startswith("text/html")
        if not is_page or not isinstance(response, HttpResponse):
            return response
        return super().process_response(request, response)
