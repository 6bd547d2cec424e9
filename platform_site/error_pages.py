"""What people see when a page is missing or breaks; the API has its envelope."""

import sys

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from platform_site.errors import DailiesError, InvalidRequest, NotFound
from platform_site.web.addresses import is_for_programs
from platform_site.web.envelope import error_response, headers_of
from platform_site.web.trouble import unavailable


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 to what no view came to see, such as a host that is not ours."""
    if is_for_programs(request.path):
        words = None
        if isinstance(exception, DisallowedHost):
            words = "The Host header names no address of this site. Call the one in PUBLIC_URL."
        return error_response(InvalidRequest(words))
    return render(None, "400.html", status=400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404, to programs in the envelope."""
    if is_for_programs(request.path):
        return error_response(NotFound())
    return render(request, "404.html", status=404)


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Answer 429 to who signs in or asks for links too often; allauth counts by the minute."""
    page = render(request, "429.html", status=429)
    page["Retry-After"] = "60"
    return page


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500, or 503 when the exception says that something does not work at the moment.

    The database is asked for nothing.
    """
    trouble = unavailable(sys.exception())
    error = trouble or DailiesError()
    if is_for_programs(request.path):
        return error_response(error)
    page = render(
        None, "503.html" if trouble else "500.html", {"error": error}, status=error.status
    )
    for name, value in headers_of(error).items():
        page[name] = value
    return page
