"""Our API keys: how internal tools call us."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models.team import Team


class ApiKey(models.Model):
    """An `sk-…` key of one person in one team. Only its SHA-256 digest is stored."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="api_keys")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_keys"
    )
    label = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    last4 = models.CharField(max_length=4, editable=False)
    enabled = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    allowed_networks = models.JSONField(
        default=list,
        blank=True,
        help_text="Up to 10 IP addresses or CIDR ranges. Leave empty for any.",
    )
    requests_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Leave empty for no limit."
    )
    minute = models.BigIntegerField(default=0, editable=False)
    minute_requests = models.PositiveIntegerField(default=0, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        """Show the label and the last four characters."""
        return f"{self.label} (…{self.last4})"
