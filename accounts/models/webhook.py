"""Webhooks: us calling a client. Each delivery, and each attempt of one, is a row."""

import uuid
from typing import Any
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.team import Team
from platform_site.db.subjects import SubjectModel


def host_of(url: str) -> str:
    """Return `host:port` of a URL, empty when it has none."""
    try:
        parts = urlsplit(url)
        port = parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}"[:270] if parts.hostname else ""


class WebhookEndpoint(models.Model):
    """A team's receiver of events. A removed one stays as long as its deliveries do."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="webhook_endpoints")
    url = models.URLField(max_length=2048)
    enabled = models.BooleanField(default=True)
    events = models.JSONField(help_text="Names of the events it receives.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    failing_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The first failure since the last 2xx."
    )
    disabled_reason = models.CharField(
        max_length=200, blank=True, editable=False, help_text="Empty if a person disabled it."
    )
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["team", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "url"],
                condition=Q(removed_at=None),
                name="webhook_endpoint_once_a_team",
            ),
            models.CheckConstraint(
                condition=Q(removed_at=None) | Q(enabled=False), name="webhook_endpoint_removed_off"
            ),
        ]

    def __str__(self) -> str:
        """Show where it is, without user and query, in which clients put secrets."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class WebhookDelivery(SubjectModel):
    """One message to one URL, attempted until it is answered with a 2xx or given up."""

    class State(models.TextChoices):
        """Where a delivery stands."""

        PENDING = "pending", "Waiting"
        DELIVERED = "delivered", "Delivered"
        GIVEN_UP = "given_up", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="webhook_deliveries")
    url = models.URLField(max_length=2048)
    host = models.CharField(max_length=270, editable=False, help_text="host:port of the URL.")
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="deliveries",
        help_text="Empty if the URL came with a task.",
    )
    event = models.CharField(max_length=60)
    reference = models.CharField(
        max_length=120, help_text="What happened. Each URL receives an event about it once."
    )
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    # A series of attempts ends after a day; `send_again` starts another under the same id.
    series_attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    series_since = models.DateTimeField(null=True, blank=True, editable=False)
    next_attempt_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    claimed_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Set while a worker sends it."
    )
    response_status = models.PositiveIntegerField(null=True, blank=True)
    response_note = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["reference", "event", "url"], name="webhook_once_an_event"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="webhook_due", condition=Q(state="pending")
            ),
            models.Index(
                fields=["claimed_until"],
                name="webhook_in_progress",
                condition=Q(claimed_until__isnull=False),
            ),
            models.Index(fields=["-created_at", "-id"], name="webhook_newest"),
            models.Index(fields=["team", "-created_at", "-id"], name="webhook_newest_of_team"),
            models.Index(
                fields=["endpoint", "-created_at", "-id"], name="webhook_newest_of_endpoint"
            ),
            models.Index(fields=["subject_id", "-created_at", "-id"], name="webhook_of_subject"),
        ]

    def __str__(self) -> str:
        """Show the event and what it was about."""
        return f"{self.event} of {self.subject_kind.replace('_', ' ')} {self.subject_id}"

    def save(self, *args: Any, **options: Any) -> None:
        """Note the host, by which deliveries are shared out."""
        self.host = self.host or host_of(self.url)
        super().save(*args, **options)


class WebhookAttempt(models.Model):
    """One attempt of a delivery: written before the POST, completed by its answer.

    Without `duration_ms` it is in progress, or its worker died: then nobody knows what arrived.
    """

    delivery = models.ForeignKey(
        WebhookDelivery, on_delete=models.CASCADE, related_name="attempt_log"
    )
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    headers = models.JSONField(default=dict, help_text="As sent.")
    status = models.PositiveIntegerField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    snippet = models.CharField(
        max_length=1024, blank=True, help_text="The start of the answer, without secrets."
    )
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "delivery attempt"
        ordering = ["delivery", "number"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_numbered")
        ]

    def __str__(self) -> str:
        """Show which attempt it was and what was answered."""
        return f"attempt {self.number}: {self.status or self.problem or 'no answer'}"


class HostBackoff(models.Model):
    """A host that let a team's deliveries time out: it gets few and single ones until it answers.

    A row a team, so that no endpoint can hold up another team's deliveries to the same host.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    host = models.CharField(max_length=270)
    timeouts = models.PositiveIntegerField(default=1, help_text="In a row.")
    ends_at = models.DateTimeField()

    class Meta:
        verbose_name = "slow host"
        constraints = [
            models.UniqueConstraint(fields=["team", "host"], name="slow_host_once_a_team")
        ]

    def __str__(self) -> str:
        """Show the host."""
        return self.host
