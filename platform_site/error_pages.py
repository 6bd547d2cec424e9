"""What people see when a page is missing or breaks; the API has its envelope."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from platform_site.errors import DailiesError, InvalidRequest, NotFound
from platform_site.web.envelope import error_response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 to what no view came to see, such as a host that is not ours."""
    if _is_api(request):
        return error_response(InvalidRequest())
    return render(None, "400.html", status=400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404, under /v1/ in the envelope."""
    if _is_api(request):
        return error_response(NotFound())
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 without asking the database for anything."""
    if _is_api(request):
        return error_response(DailiesError())
    return render(None, "500.html", status=500)


def _is_api(request: HttpRequest) -> bool:
    return request.path == "/v1" or request.path.startswith("/v1/")
