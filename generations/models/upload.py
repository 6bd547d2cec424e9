"""Images that people hand in to start or end a film with."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Team
from generations.models.generation import new_token


class Upload(models.Model):
    """One image behind an unguessable link that expires."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="uploads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    file_name = models.CharField(max_length=200, editable=False)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField(help_text="bytes")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        """Show type and size in pixels."""
        return f"{self.content_type} {self.width}×{self.height}"
