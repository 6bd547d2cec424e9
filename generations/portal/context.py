"""What every page of the portal shows: the person's teams and the wallet."""

from typing import Any

from django.http import HttpRequest

from accounts.selectors import memberships_of
from billing.selectors import books_of


def desk(request: HttpRequest) -> dict[str, Any]:
    """Return the current membership and its team's sums for signed-in people."""
    membership = getattr(request, "membership", None)
    if membership is None:
        return {}
    return {
        "membership": membership,
        "memberships": memberships_of(membership.user),
        "books": books_of(membership.team),
    }
