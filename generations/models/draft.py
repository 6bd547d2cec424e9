"""A draft: the film that somebody is composing, as the studio's form has it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Team
from generations.models.generation import Generation


class DraftQuerySet(models.QuerySet["Draft"]):
    """Drafts by what became of them."""

    def unfinished(self) -> "DraftQuerySet":
        """Return those with something in them that was not submitted since it was typed."""
        is_empty = Q(prompt="", first_frame="", last_frame="")
        not_sent = Q(sent_at=None) | Q(saved_at__gt=F("sent_at"))
        return self.filter(not_sent).exclude(is_empty)


class Draft(models.Model):
    """What one person typed for one team in one tab, word for word and judged by nobody.

    `page` and `sequence` name the page that saved it last, and which of its saves that was.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="drafts")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts"
    )
    token = models.UUIDField(default=uuid.uuid4, editable=False)
    prompt = models.TextField(blank=True)
    first_frame = models.TextField(blank=True)
    last_frame = models.TextField(blank=True)
    settings = models.JSONField(default=dict, help_text="The form’s other fields, by name.")
    remix_of = models.ForeignKey(
        Generation, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    idempotency_key = models.CharField(max_length=200, help_text="Of its next submission.")
    page = models.CharField(max_length=40, editable=False)
    sequence = models.PositiveIntegerField(default=0, editable=False)
    saved_at = models.DateTimeField(default=timezone.now, db_index=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = DraftQuerySet.as_manager()

    class Meta:
        ordering = ["-saved_at", "-pk"]
        constraints = [
            # By person: another person's token is as unknown as one that nobody has (P32).
            models.UniqueConstraint(fields=["user", "token"], name="draft_token_of_a_person"),
        ]
        indexes = [
            models.Index(fields=["team", "user", "-saved_at"], name="draft_newest"),
        ]

    def __str__(self) -> str:
        """Show the start of the prompt."""
        return self.prompt[:60] or "An empty draft"
