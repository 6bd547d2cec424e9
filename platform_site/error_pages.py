"""What people see when a page is missing or breaks; the API has its envelope."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from generations.api.envelope import error_response
from platform_site.errors import DailiesError, NotFound


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404, under /v1/ in the envelope."""
    if request.path.startswith("/v1/"):
        return error_response(NotFound())
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 without asking the database for anything."""
    if request.path.startswith("/v1/"):
        return error_response(DailiesError())
    return render(None, "500.html", status=500)
