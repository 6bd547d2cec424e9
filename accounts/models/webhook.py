"""Webhooks: us calling a client. Each delivery is a row that outlives crashes."""

import uuid
from urllib.parse import urlsplit

from django.db import models
from django.utils import timezone

from accounts.models.team import Team


class WebhookEvent(models.TextChoices):
    """What a team's endpoint can be told; the ends of tasks go to their own `callback_url`."""

    BUDGET_THRESHOLD = "budget.threshold", "A spend limit is used to one of its thresholds"
    WALLET_LOW = "wallet.low", "The wallet runs low"
    PROVIDER_KEY_PAUSED = "provider_key.paused", "The vendor turned a provider key away"
    APPROVAL_ASKED = "approval.asked", "A generation waits for approval"
    APPROVAL_DECIDED = "approval.decided", "A generation was approved, denied or not answered"


class WebhookEndpoint(models.Model):
    """A team's receiver of events."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="webhook_endpoints")
    url = models.URLField(max_length=2048)
    enabled = models.BooleanField(default=True)
    events = models.JSONField(help_text="names of `WebhookEvent`")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["team", "id"]
        constraints = [
            models.UniqueConstraint(fields=["team", "url"], name="webhook_endpoint_once_a_team")
        ]

    def __str__(self) -> str:
        """Show where it is, without user and query, in which clients put secrets."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


class WebhookDelivery(models.Model):
    """One message to one URL, tried until it is answered with a 2xx or given up."""

    class State(models.TextChoices):
        """Where a delivery stands."""

        PENDING = "pending", "Pending"
        DELIVERED = "delivered", "Delivered"
        GIVEN_UP = "given_up", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="webhook_deliveries")
    url = models.URLField(max_length=2048)
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="deliveries",
        help_text="Empty: the URL came with a task.",
    )
    event = models.CharField(max_length=60)
    reference = models.CharField(max_length=120, help_text="What the message is about; opaque.")
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    claimed_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="while a worker posts it"
    )
    response_status = models.PositiveIntegerField(null=True, blank=True)
    response_note = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["reference", "event", "url"], name="webhook_once_an_event"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="webhook_due",
                condition=models.Q(state="pending"),
            )
        ]

    def __str__(self) -> str:
        """Show the event and what it was about."""
        return f"{self.event} of {self.reference}"
