"""What happened to a generation: a row for each transition or other event."""

from django.db import models
from django.utils import timezone

from generations.lifecycle import EventKind, ReviewCause, State
from generations.models.generation import Generation
from platform_site.db.append_only import AppendOnlyModel


class GenerationEvent(AppendOnlyModel):
    """One transition, or another event: who, when, and the vendor's ID of then (P35)."""

    generation = models.ForeignKey(
        Generation, on_delete=models.PROTECT, related_name="events", db_index=False
    )
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=40, choices=EventKind.choices)
    from_state = models.CharField(max_length=20, choices=State.choices, blank=True)
    to_state = models.CharField(max_length=20, choices=State.choices, blank=True)
    message = models.TextField(blank=True)
    cause = models.CharField(
        max_length=20, choices=ReviewCause.choices, blank=True, help_text="Why it needs review."
    )
    data = models.JSONField(default=dict, blank=True, help_text="What the cause is about.")
    actor = models.CharField(max_length=200)
    request_id = models.CharField(max_length=64, blank=True)
    upstream_id = models.CharField("vendor task ID", max_length=120, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["generation", "id"], name="event_of_generation")]

    def __str__(self) -> str:
        """Show what happened."""
        return ": ".join(filter(None, (self.get_kind_display(), self.get_to_state_display())))
