"""What was posted about a generation, for its page."""

from django import template

from accounts.models import Membership, WebhookDelivery
from accounts.roles import Permission, role_allows
from accounts.selectors import webhook_deliveries_for
from accounts.webhooks import ABOUT_TASKS
from generations.models import Generation

register = template.Library()

_MOST = 50


@register.simple_tag
def webhooks_about(generation: Generation, membership: Membership | None) -> list[WebhookDelivery]:
    """Return the posts about a generation, newest first; none to who may not see webhooks."""
    if membership is None or not role_allows(membership.role, Permission.TEAM_KEYS):
        return []
    about = webhook_deliveries_for(membership).filter(
        subject_kind__in=ABOUT_TASKS, subject_id=str(generation.pk)
    )
    return list(about[:_MOST])
