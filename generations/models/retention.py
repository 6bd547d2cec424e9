"""How long a team keeps its films."""

from django.db import models
from django.db.models import Q

from accounts.models import Team


class RetentionRule(models.Model):
    """A team's rule; a team without one keeps its films forever."""

    team = models.OneToOneField(
        Team, primary_key=True, on_delete=models.CASCADE, related_name="retention_rule"
    )
    days = models.PositiveIntegerField(
        help_text="Days a film is kept, counted from the day it was saved."
    )
    keep_favourites = models.BooleanField(default=True)
    set_by = models.CharField(max_length=200)
    set_at = models.DateTimeField()

    class Meta:
        verbose_name = "retention"
        verbose_name_plural = "retention"
        constraints = [
            models.CheckConstraint(condition=Q(days__gt=0), name="retention_lasts_a_day")
        ]

    def __str__(self) -> str:
        """Show the rule."""
        return f"{self.team}: {self.days} days"
