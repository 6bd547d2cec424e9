"""The accounts of double entry: four for every team."""

from typing import Any

from django.db import models
from django.db.models import F, Q

from accounts.models import Team
from platform_site.db.remembered import fresh_version


class Account(models.Model):
    """One side of transfers. Both running sums only ever grow (after TigerBeetle's accounts)."""

    class Kind(models.TextChoices):
        """What the credits in it are."""

        GRANTED = "granted", "Granted"
        WALLET = "wallet", "Wallet"
        HELD = "held", "Held"
        SPENT = "spent", "Spent"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="accounts")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    debits = models.BigIntegerField(default=0)
    credits = models.BigIntegerField(default=0)
    # On the wallet: another with every change of the team's spend limits, so that an admission that
    # read them before notices (see `admission`).
    limits_version = models.BigIntegerField(default=fresh_version)
    # On the wallet: below so many available credits people are notified, once a drop.
    low_at = models.PositiveBigIntegerField(
        "alert when below",
        default=1000,
        help_text="Credits. Managers are notified below this. 0 turns this off.",
    )
    low_since = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["team", "id"]
        constraints = [
            models.UniqueConstraint(fields=["team", "kind"], name="account_once_a_team"),
            models.CheckConstraint(condition=Q(debits__gte=0, credits__gte=0), name="account_sums"),
            # Only the source of grants may owe; nobody spends what is not there.
            models.CheckConstraint(
                condition=Q(kind="granted", debits__gte=F("credits"))
                | (~Q(kind="granted") & Q(credits__gte=F("debits"))),
                name="account_never_overdrawn",
            ),
        ]

    def __str__(self) -> str:
        """Show whose it is and what is in it."""
        return f"{self.team} {self.get_kind_display().lower()}"

    @property
    def balance(self) -> int:
        """Return the account's credits, counted so that a healthy account is never negative."""
        net: Any = self.credits - self.debits
        return -int(net) if self.kind == self.Kind.GRANTED else int(net)
