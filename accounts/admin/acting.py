"""On whose behalf the admin acts."""

from typing import cast

from django.http import HttpRequest

from accounts.actor import Actor, operator_actor
from accounts.models import User
from platform_site.web.requests import actor_request_id


def actor_of(request: HttpRequest) -> Actor:
    """Return the signed-in administrator, for entries and events (P35)."""
    user = cast(User, request.user)  # the admin lets nobody else in
    return operator_actor(user, request_id=actor_request_id(request))
