"""What a person has drafted and sent before."""

from uuid import UUID

from accounts.models import Membership, User
from generations.models import Draft, Generation

MOST_UNFINISHED = 3
MOST_PROMPTS = 30
_READ = 200  # generations that are looked through for different prompts


def draft_for(user: User, token: str) -> Draft | None:
    """Return the person's own draft, of whichever team; None alike for another's and an unknown one
    (P32).
    """
    try:
        known = UUID(token)
    except ValueError:
        return None
    return Draft.objects.filter(user=user, token=known).select_related("team").first()


def unfinished_drafts(membership: Membership) -> list[Draft]:
    """Return the member's newest drafts in the team that were not sent."""
    own = Draft.objects.filter(team=membership.team, user=membership.user)
    return list(own.unfinished()[:MOST_UNFINISHED])


def last_settings(membership: Membership) -> dict[str, str]:
    """Return the settings that the member used last in the team; empty for none."""
    own = Draft.objects.filter(team=membership.team, user=membership.user)
    return dict(own.values_list("settings", flat=True).first() or {})


def earlier_prompts(membership: Membership) -> list[str]:
    """Return the different prompts of the member's films in the team, newest first."""
    own = Generation.objects.filter(team=membership.team, user=membership.user)
    prompts = own.order_by("-created_at", "-id").values_list("prompt", flat=True)[:_READ]
    return list(dict.fromkeys(prompts))[:MOST_PROMPTS]
