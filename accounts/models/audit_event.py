"""The audit trail: every decision of a person, in the order they were made."""

from django.db import models
from django.utils import timezone

from accounts.models.audit_action import AuditAction
from accounts.models.team import Team
from platform_site.db.append_only import AppendOnlyModel
from platform_site.db.subjects import SubjectModel


class AuditEvent(AppendOnlyModel, SubjectModel):
    """Who did what to which thing, when and why. Written once."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=60, choices=AuditAction.choices)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        """Show actor and action."""
        return f"{self.action} {self.at:%Y-%m-%d %H:%M}"
