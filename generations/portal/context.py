"""What every page of the portal shows: the person's teams, the wallet and what is new."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.selectors import memberships_of, unread_notices
from billing.selectors import books_of
from generations.portal.navigation import navigation_for


def desk(request: HttpRequest) -> dict[str, Any]:
    """Return the membership, its team's sums and what waits for them, for signed-in people."""
    membership = getattr(request, "membership", None)
    if membership is None:
        return {}
    chosen = getattr(request, "chosen", membership)
    return {
        "membership": membership,
        "elsewhere": chosen if chosen != membership else None,
        "memberships": memberships_of(membership.user),
        "books": books_of(membership.team),
        "unread": unread_notices(membership),
        # Fragments show no navigation, and need not count for it.
        "navigation": SimpleLazyObject(lambda: navigation_for(membership, path=request.path)),
    }
