"""The ledger: credits moving from one account to another, written once."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Team
from billing.models.account import Account
from billing.models.hold import Hold
from platform_site.db.append_only import AppendOnlyModel


class Transfer(AppendOnlyModel):
    """One entry. A correction is another entry that names the hold and gives a reason."""

    class Kind(models.TextChoices):
        """Why credits moved."""

        GRANT = "grant", "Granted"
        HOLD = "hold", "Held"
        SETTLE = "settle", "Spent"
        RELEASE = "release", "Released"
        ADJUST = "adjust", "Corrected"

    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, related_name="transfers", db_index=False
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    debit_account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="outgoing")
    credit_account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="incoming")
    amount = models.BigIntegerField()
    hold = models.ForeignKey(
        Hold, null=True, blank=True, on_delete=models.PROTECT, related_name="transfers"
    )
    idempotency_key = models.CharField(max_length=120, null=True, blank=True)  # noqa: DJ001
    actor = models.CharField(max_length=200)
    request_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger entries"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_positive"),
            models.UniqueConstraint(
                fields=["idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="transfer_idempotent",
            ),
            models.CheckConstraint(
                condition=~Q(debit_account=F("credit_account")), name="transfer_between_two"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["grant", "hold", "settle", "release", "adjust"]),
                name="transfer_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="grant", hold=None) | (~Q(kind="grant") & Q(hold__isnull=False)),
                name="transfer_names_its_hold",
            ),
            models.UniqueConstraint(
                fields=["hold"], condition=Q(kind="hold"), name="transfer_one_opening_a_hold"
            ),
            # P09: the database lets one closing entry in, whoever comes second does nothing.
            models.UniqueConstraint(
                fields=["hold"],
                condition=Q(kind__in=["settle", "release"]),
                name="transfer_one_closing_a_hold",
            ),
            models.UniqueConstraint(
                fields=["hold"], condition=Q(kind="adjust"), name="transfer_one_adjusting_a_hold"
            ),
        ]
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="transfer_of_team")]

    def __str__(self) -> str:
        """Show the entry in a line."""
        return f"{self.get_kind_display()} {self.amount} ({self.team})"
