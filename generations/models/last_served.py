"""When somebody was last served, so that whoever waits longest goes first."""

from django.conf import settings
from django.db import models

from accounts.models import Team


class LastServed(models.Model):
    """When a generation of this person in this team was last sent; a team was served when the
    latest of its people was.

    What is in flight alone cannot say who is next: quick generations are gone before the
    next look.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    served_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="last_served_one_a_person"),
        ]

    def __str__(self) -> str:
        """Name who was served."""
        return f"{self.user} in {self.team}"
