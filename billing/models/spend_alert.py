"""What people were notified of about how far a limit is used."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from billing.models.spend_limit import SpendWindow


class SpendAlert(models.Model):
    """A threshold that one window has reached; the row keeps the alert to once per window."""

    window = models.ForeignKey(SpendWindow, on_delete=models.CASCADE, related_name="alerts")
    threshold = models.PositiveSmallIntegerField(help_text="Percent of the limit.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["window", "threshold"]
        constraints = [
            models.UniqueConstraint(fields=["window", "threshold"], name="spend_alert_once"),
            models.CheckConstraint(
                condition=Q(threshold__gte=1, threshold__lte=100), name="spend_alert_percent"
            ),
        ]

    def __str__(self) -> str:
        """Show the threshold and its window."""
        return f"{self.threshold}% of {self.window}"
