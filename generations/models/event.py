"""What happened to a generation: a row for each transition or other event."""

from django.db import models
from django.utils import timezone

from generations.lifecycle import EventKind, ReviewCause
from generations.models.generation import Generation
from platform_site.append_only import AppendOnlyModel


class GenerationEvent(AppendOnlyModel):
    """One transition, or another event: who, when, and the upstream id known at that time (P35)."""

    generation = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=40, choices=EventKind.choices)
    from_state = models.CharField(max_length=20, blank=True)
    to_state = models.CharField(max_length=20, blank=True)
    message = models.TextField(blank=True)
    cause = models.CharField(
        max_length=20, choices=ReviewCause.choices, blank=True, help_text="why it is in review"
    )
    data = models.JSONField(default=dict, blank=True, help_text="what the cause is about")
    actor = models.CharField(max_length=200)
    request_id = models.CharField(max_length=64, blank=True)
    upstream_id = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["generation", "id"], name="event_of_generation")]

    def __str__(self) -> str:
        """Show what happened."""
        return f"{self.kind} {self.to_state}".strip()
