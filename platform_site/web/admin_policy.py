"""The admin's own content security policy.

The site's policy allows no inline style and no evaluated script. The admin's theme needs both
(Alpine evaluates the expressions in its attributes), so the site's policy leaves the admin out and
this one takes its place there, and only there.
"""

from collections.abc import Callable

from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse

ADMIN_PATH = "/admin/"
HEADER = "Content-Security-Policy"


class AdminPolicyMiddleware:
    """Send `ADMIN_CONTENT_SECURITY_POLICY` with every answer of the admin."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Wrap the next handler."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the header to answers below the admin's path that have none."""
        response = self.get_response(request)
        if request.path_info.startswith(ADMIN_PATH) and HEADER not in response:
            response[HEADER] = build_policy(config=settings.ADMIN_CONTENT_SECURITY_POLICY)
        return response
