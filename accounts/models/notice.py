"""Notices: what the site tells people of a team, in the portal and by email."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.mailing import MailedModel
from accounts.models.team import Team
from accounts.roles import Permission
from platform_site.db.subjects import SubjectModel


class NoticeKind(models.TextChoices):
    """What people are notified of."""

    FILM_LATE = "film.late", "Film not saved yet"
    FILM_LOST = "film.lost", "Film lost"
    FILM_REMOVAL = "film.removal", "Films about to be removed"
    FILM_RETENTION = "film.retention", "Retention changed"
    APPROVAL_DECIDED = "approval.decided", "Approval decided"
    GENERATION_IN_REVIEW = "generation.in_review", "Review needed"
    BUDGET_THRESHOLD = "budget.threshold", "Spend limit alert"
    WALLET_LOW = "wallet.low", "Wallet low"
    PROVIDER_KEY_PAUSED = "provider_key.paused", "Provider key paused"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint.disabled", "Webhook endpoint disabled"


class Notice(SubjectModel, MailedModel):
    """One message to one person of a team, or to everyone who has a permission there.

    Who has read it is not stored here: `Membership.notices_read_to` is the last one seen.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="notices")
    permission = models.CharField(
        max_length=20,
        blank=True,
        choices=Permission.choices,
        help_text="Everyone with this permission. Empty for one person.",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    kind = models.CharField(max_length=40, choices=NoticeKind.choices)
    title = models.CharField(max_length=200)
    body = models.TextField(help_text="Plain text.")
    path = models.CharField(max_length=200, blank=True, help_text="The portal page it opens.")
    dedupe_key = models.CharField(
        max_length=200, unique=True, help_text="Keeps it from being sent twice."
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "notification"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(permission="", user__isnull=False) | (~Q(permission="") & Q(user=None)),
                name="notice_one_audience",
            )
        ]
        indexes = [
            models.Index(fields=["team", "-id"], name="notice_of_team"),
            models.Index(
                fields=["next_mail_at"],
                name="notice_mail_due",
                condition=Q(next_mail_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        """Show the title."""
        return self.title
