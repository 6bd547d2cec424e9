"""Images that people upload to start or end a film with."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import Team
from generations.lifecycle import TERMINAL
from generations.models.draft import Draft
from generations.models.generation import Generation, new_token


class UploadQuerySet(models.QuerySet["Upload"]):
    """Uploads by whether they still live."""

    def live(self, now: datetime) -> Self:
        """Return those that have not expired, or that a draft or an unended generation needs."""
        return self.filter(Q(expires_at__gt=now) | _is_needed())

    def dead(self, now: datetime) -> Self:
        """Return those that nobody can fetch any more and nothing needs."""
        return self.filter(~_is_needed(), expires_at__lte=now)


def _is_needed() -> Q:
    unended = Generation.objects.filter(uploads=OuterRef("pk")).exclude(state__in=TERMINAL)
    return Q(Exists(unended)) | Q(Exists(Draft.objects.filter(uploads=OuterRef("pk"))))


class Upload(models.Model):
    """One image behind an unguessable link that expires once no generation or draft needs it."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="uploads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    file_name = models.CharField(max_length=200, editable=False)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField(help_text="Bytes.")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(db_index=True)
    generations = models.ManyToManyField(Generation, related_name="uploads", editable=False)
    drafts = models.ManyToManyField(Draft, related_name="uploads", editable=False)

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        """Show type and size in pixels."""
        return f"{self.content_type} {self.width}×{self.height}"
