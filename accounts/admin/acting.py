"""On whose behalf the admin acts."""

from typing import cast

from django.http import HttpRequest

from accounts.actor import Actor
from accounts.models import User
from platform_site.requests import actor_request_id


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in administrator, for entries and events (P35)."""
    email = cast(User, request.user).email  # the admin lets nobody else in
    return Actor(name=f"{email} in the admin", request_id=actor_request_id(request))
