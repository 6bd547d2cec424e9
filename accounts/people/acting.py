"""On whose behalf the admin acts."""

from typing import cast

from django.http import HttpRequest

from accounts.authority import By
from accounts.models import User
from platform_site.web.requests import actor_request_id


def by_of(request: HttpRequest) -> By:
    """Return the signed-in administrator, for entries and events (P35)."""
    user = cast(User, request.user)  # the admin lets nobody else in
    return By.operator(user, request_id=actor_request_id(request))
