"""Teams and who is in them."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.roles import Role


class Team(models.Model):
    """A group of people with one wallet, one library of films and one set of rules."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=60, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    own_approval = models.BooleanField(
        default=False,
        help_text="Managers and owners can also approve films they created themselves.",
    )
    # The signing secret of outgoing webhooks, encrypted; never shown in lists or logs.
    webhook_secret_token = models.TextField(editable=False, default="", blank=True)
    # After a rotation the secret before it signs as well, for a while.
    webhook_old_secret_token = models.TextField(editable=False, default="", blank=True)
    webhook_old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        """Show the name."""
        return self.name


class Membership(models.Model):
    """One person's role in one team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    notices_read_to = models.BigIntegerField(
        default=0, editable=False, help_text="ID of the last notification that the person has seen."
    )
    # Outlives the session, so that whoever signs in again is where they were.
    last_entered_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the person last came from another team to act in this one.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once_a_team"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_known"
            ),
        ]
        ordering = ["team", "user"]

    def __str__(self) -> str:
        """Show who is what where."""
        return f"{self.user}, {self.get_role_display().lower()} of {self.team}"
