"""When somebody's turn was last, so that queued generations go out in turn."""

from django.conf import settings
from django.db import models

from accounts.models import Team


class LastServed(models.Model):
    """When a generation of this person in this team was last sent; a team's turn is its people's
    latest.

    What is in flight alone cannot say whose turn it is: quick generations are gone before the next
    look.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    served_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="sending_turn_one_a_person"),
        ]

    def __str__(self) -> str:
        """Name whose turn it was."""
        return f"{self.user} in {self.team}"
