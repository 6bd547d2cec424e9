"""Caps on spending, and what was held and spent under them."""

from django.db import models
from django.utils import timezone

from billing.windows import Window


class SpendLimit(models.Model):
    """A cap in credits for one subject in one kind of window.

    The subject is an opaque (kind, id): billing does not know what an API key is.
    """

    subject_kind = models.CharField(max_length=20)
    subject_id = models.CharField(max_length=60)
    window = models.CharField(max_length=10, choices=Window.choices)
    credits = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["subject_kind", "subject_id", "window"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id", "window"], name="spend_limit_once_a_window"
            )
        ]

    def __str__(self) -> str:
        """Show the cap as people say it."""
        return f"{self.credits} credits a {self.window} for {self.subject_kind} {self.subject_id}"


class SpendWindow(models.Model):
    """What one limit counted in one window. No job resets it: the next window is another row."""

    limit = models.ForeignKey(SpendLimit, on_delete=models.CASCADE, related_name="windows")
    starts_at = models.DateTimeField()
    held = models.PositiveBigIntegerField(default=0)
    spent = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["limit", "starts_at"], name="spend_window_once"),
            models.CheckConstraint(
                condition=models.Q(held__gte=0, spent__gte=0), name="spend_window_not_negative"
            ),
        ]

    def __str__(self) -> str:
        """Show the limit and its start."""
        return f"{self.limit} from {self.starts_at:%Y-%m-%d %H:%M}"
