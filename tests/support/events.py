"""Events for tests that care about their posting and not about what they tell."""

from django.utils import timezone

from accounts.models import Team, WebhookDelivery
from accounts.webhooks.events import WalletLow
from accounts.webhooks.outbox import publish_event


def put_low_wallet(team: Team, *, once: str = "r") -> list[WebhookDelivery]:
    """Tell the team's endpoints that its wallet runs low; return the new deliveries."""
    event = WalletLow(available=3, held=0, spent=0, low_at=10)
    return publish_event(event, team=team, subject_id=team.pk, once=once, now=timezone.now())
