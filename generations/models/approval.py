"""What needs approval above how many credits, and what was decided."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.actors import read_person
from accounts.models import MailedModel, Project, Team
from generations.models.generation import Generation, new_token
from platform_site.db.catalogue import CatalogueModel


class ApprovalThreshold(CatalogueModel):
    """Above so many credits, a generation of this team, person or project needs approval."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="approval_thresholds")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    project = models.ForeignKey(
        Project, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    above = models.PositiveBigIntegerField(
        "needs approval above", help_text="Credits per film. 0 means every film."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "approval rule"
        ordering = ["team", "above"]
        constraints = [
            models.UniqueConstraint(
                fields=["team"],
                condition=Q(user=None, project=None),
                name="approval_threshold_one_a_team",
            ),
            models.UniqueConstraint(
                fields=["team", "user"],
                condition=Q(user__isnull=False),
                name="approval_threshold_one_a_person",
            ),
            models.UniqueConstraint(
                fields=["team", "project"],
                condition=Q(project__isnull=False),
                name="approval_threshold_one_a_project",
            ),
            models.CheckConstraint(
                condition=Q(user=None) | Q(project=None), name="approval_threshold_one_scope"
            ),
        ]

    def __str__(self) -> str:
        """Show the rule as people say it."""
        return (
            f"{self.project or self.user or self.team}: needs approval above {self.above:,} credits"
        )


class Approval(MailedModel):
    """One request to the managers, and their decision."""

    class Decision(models.TextChoices):
        """How an approval ended."""

        OPEN = "open", "Waiting"
        APPROVED = "approved", "Approved"
        DENIED = "denied", "Denied"
        EXPIRED = "expired", "Expired"
        WITHDRAWN = "withdrawn", "Withdrawn"

    generation = models.OneToOneField(
        Generation, primary_key=True, on_delete=models.PROTECT, related_name="approval"
    )
    above = models.PositiveBigIntegerField(help_text="The rule’s credits at that time.")
    # Behind the one-time link in the email to the managers.
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    asked_at = models.DateTimeField("requested at", default=timezone.now)
    expires_at = models.DateTimeField()
    decision = models.CharField(max_length=10, choices=Decision.choices, default=Decision.OPEN)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "approval request"
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision="open", decided_at=None)
                | (~Q(decision="open") & Q(decided_at__isnull=False)),
                name="approval_decided_once",
            )
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="approval_due", condition=Q(decision="open")),
            models.Index(
                fields=["next_mail_at"],
                name="approval_mail_due",
                condition=Q(next_mail_at__isnull=False),
            ),
        ]

    @property
    def is_own(self) -> bool:
        """Return whether its creator approved it themselves; of one that was approved."""
        person = read_person(self.decided_by)
        is_approved = self.decision == self.Decision.APPROVED
        return is_approved and person is not None and person.user_id == self.generation.user_id

    def __str__(self) -> str:
        """Show the decision and what it is about."""
        return f"{self.get_decision_display()}: {self.generation}"
