"""What every page of the portal shows: the person's teams, the wallet and what is new."""

from typing import Any

from django.http import HttpRequest

from accounts.roles import Permission, role_allows
from accounts.selectors import memberships_of, unread_notices
from billing.selectors import books_of
from generations.review import in_review_for
from generations.selectors import waiting_approval_count


def desk(request: HttpRequest) -> dict[str, Any]:
    """Return the membership, its team's sums and what waits for them, for signed-in people."""
    membership = getattr(request, "membership", None)
    if membership is None:
        return {}
    chosen = getattr(request, "chosen", membership)
    decides = role_allows(membership.role, Permission.APPROVE)
    return {
        "membership": membership,
        "elsewhere": chosen if chosen != membership else None,
        "memberships": memberships_of(membership.user),
        "books": books_of(membership.team),
        "unread": unread_notices(membership),
        "waiting_count": waiting_approval_count(membership.team) if decides else 0,
        "review_count": in_review_for(membership).count(),
    }
