"""Limits on spending, and what was held and spent under them."""

from django.db import models
from django.utils import timezone

from billing.windows import Window


def usual_thresholds() -> list[int]:
    """Return the percents of a limit at which people are notified, unless they chose others."""
    return [50, 80, 100]


class SpendLimit(models.Model):
    """A limit in credits for one subject in one kind of window.

    The subject is an opaque (kind, id): billing does not know what an API key is.
    """

    subject_kind = models.CharField(max_length=20)
    subject_id = models.CharField(max_length=60)
    window = models.CharField("renews every", max_length=10, choices=Window.choices)
    credits = models.PositiveBigIntegerField()
    alert_at = models.JSONField(
        "notify at",
        default=usual_thresholds,
        blank=True,
        help_text="Whole percentages, lowest first. People are notified when so much is used.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["subject_kind", "subject_id", "window"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "window"], name="spend_limit_once_a_window"
            )
        ]

    def __str__(self) -> str:
        """Show the limit as people say it."""
        per = "in total" if self.window == Window.TOTAL else f"per {self.window}"
        return f"{self.credits} credits {per}"


class SpendWindow(models.Model):
    """What one limit counted in one window. Nothing resets it: the next window is another row."""

    limit = models.ForeignKey(SpendLimit, on_delete=models.CASCADE, related_name="windows")
    starts_at = models.DateTimeField()
    held = models.PositiveBigIntegerField(default=0)
    spent = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = "use of a limit"
        verbose_name_plural = "use of limits"
        ordering = ["-starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["limit", "starts_at"], name="spend_window_once"),
            models.CheckConstraint(
                condition=models.Q(held__gte=0, spent__gte=0), name="spend_window_not_negative"
            ),
        ]
        # Alerts look at the current windows alone.
        indexes = [models.Index(fields=["starts_at"], name="spend_window_current")]

    def __str__(self) -> str:
        """Show the limit and its start."""
        return f"{self.limit} from {self.starts_at:%Y-%m-%d %H:%M}"
