"""What the vendor posted to us: evidence, never proof (P30)."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from generations.models.generation import Generation


class CallbackReceipt(models.Model):
    """One callback on a generation's unguessable path."""

    class Verdict(models.TextChoices):
        """What came of it."""

        NOTED = "noted", "Received: the task is checked"
        PROPOSED = "proposed", "Names a task: being checked"
        ADOPTED = "adopted", "Task linked"
        REJECTED = "rejected", "Not our task"

    generation = models.ForeignKey(Generation, on_delete=models.PROTECT, related_name="callbacks")
    received_at = models.DateTimeField(default=timezone.now)
    proposed_id = models.CharField("vendor task ID", max_length=120)
    event = models.CharField(max_length=60, blank=True)
    sent_from = models.CharField(max_length=45, blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    next_check_at = models.DateTimeField(null=True, blank=True)
    checks = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = "callback"
        ordering = ["-received_at", "-id"]
        indexes = [
            models.Index(
                fields=["next_check_at"], name="callback_due", condition=Q(verdict="proposed")
            )
        ]

    def __str__(self) -> str:
        """Show the event and the verdict."""
        return f"{self.event or 'callback'}: {self.get_verdict_display()}"
