"""What the page of one generation shows."""

from datetime import datetime
from typing import Any

from accounts.models import Membership
from accounts.people import names_of
from accounts.roles import Permission, role_allows
from generations.approvals import instead_of
from generations.catalog import ordered_inputs
from generations.drafts import fresh_key
from generations.models import Approval, Generation
from generations.portal.archive.views import file_timeline
from generations.portal.films.facts import facts_of
from generations.portal.films.priorities import priority_buttons
from generations.portal.shown_generation import shown_generation_of
from generations.portal.studio.form import slots_of
from generations.portal.words import cost_of, timeline_of
from generations.task_object import film_url


def film_context(
    membership: Membership, generation: Generation, *, now: datetime
) -> dict[str, Any]:
    """Return what the page of a generation shows a member of its team."""
    asked = Approval.objects.filter(generation=generation).first()
    decides = (
        asked is not None
        and asked.decision == Approval.Decision.OPEN
        and role_allows(membership.role, Permission.APPROVE)
    )
    shown = shown_generation_of(generation, now=now)
    film, file = shown.film, file_timeline(generation)
    return {
        "generation": generation,
        "facts": facts_of(generation),
        "frames": [
            slot for slot in slots_of(ordered_inputs(generation).get("image_urls", [])) if slot.url
        ],
        "shown": shown,
        "film": film,
        "film_link": film_url(film) if film else "",
        **file,
        "cost": cost_of(generation),
        "timeline": timeline_of(generation),
        "approval": asked,
        "names": names_of([asked.decided_by] if asked else []),
        "decides": decides,
        "others": instead_of(generation, membership.user_id) if decides else "",
        "priority_buttons": priority_buttons(membership, generation),
        "retries": generation.retries.order_by("created_at"),
        "fresh_key": fresh_key(),
    }
