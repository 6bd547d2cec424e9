"""Credits set aside at admission, until the vendor's answer closes them."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Team
from billing.models.spend_limit import SpendWindow
from platform_site.db.subjects import SubjectModel


class Hold(SubjectModel):
    """The credits of one subject, in exactly one of three states: open, spent or released."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="holds", db_index=False)
    amount = models.PositiveBigIntegerField()
    settled = models.PositiveBigIntegerField("spent", default=0)
    released = models.PositiveBigIntegerField(default=0)
    adjusted = models.BigIntegerField(
        "corrected",
        default=0,
        help_text="Credits that a later correction added to what was spent (+) or released (-).",
    )
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_kind", "subject_id"], name="hold_once_a_subject"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="hold_positive"),
            models.CheckConstraint(
                condition=Q(closed_at=None, settled=0, released=0)
                | Q(closed_at__isnull=False, amount=F("settled") + F("released")),
                name="hold_open_or_wholly_closed",
            ),
            models.CheckConstraint(
                condition=Q(adjusted=0)
                | Q(closed_at__isnull=False, adjusted=F("released"))
                | Q(closed_at__isnull=False, adjusted=-F("settled")),
                name="hold_adjusted_whole_or_not",
            ),
        ]
        indexes = [
            models.Index(
                fields=["team", "created_at"], name="hold_open", condition=Q(closed_at=None)
            )
        ]

    def __str__(self) -> str:
        """Show the amount and what it is for."""
        return f"{self.amount} credits for {self.subject_kind} {self.subject_id}"

    @property
    def spent(self) -> int:
        """Return what the hold cost in the end, in credits."""
        return self.settled + self.adjusted

    @property
    def is_open(self) -> bool:
        """Return whether the credits are still held."""
        return self.closed_at is None


class HoldWindow(models.Model):
    """The window that a hold counts in, for each limit it was admitted under (P07)."""

    hold = models.ForeignKey(Hold, on_delete=models.PROTECT, related_name="windows", db_index=False)
    window = models.ForeignKey(SpendWindow, on_delete=models.CASCADE, related_name="holds")

    class Meta:
        verbose_name = "hold under a limit"
        verbose_name_plural = "holds per limit"
        constraints = [
            models.UniqueConstraint(fields=["hold", "window"], name="hold_once_a_window")
        ]

    def __str__(self) -> str:
        """Name both."""
        return f"{self.hold_id} in {self.window_id}"
