"""The vendor's usage beside our books, sample by sample, and where the two differ."""

from enum import StrEnum

from django.db import models
from django.db.models import Q

from generations.models.provider_key import ProviderKey


class Reading(StrEnum):
    """What `total_consumed` counts, as far as a step shows it."""

    EITHER = ""
    NET = "net"  # a refund lowers it
    GROSS = "gross"  # a refund does not


class UsageVerdict(models.TextChoices):
    """What became of a comparison, in words for people."""

    STARTS = "starts", "Nothing to compare with yet"
    UNREADABLE = "unreadable", "The vendor reports no usage"
    WAITING = "waiting", "Waiting for a second stable sample"
    AGREES = "agrees", "Agrees"
    MADE_GOOD = "made_good", "An earlier discrepancy was resolved"
    UNKNOWN_SUBMIT = "unknown_submit", "A film with an unknown outcome was probably charged"
    REFUND_NOT_SEEN = "refund_not_seen", "A vendor refund has not appeared"
    LATE_REFUND = "late_refund", "The vendor refunded it after it was spent"
    PRICE_DIFFERS = "price_differs", "The vendor’s price differs"
    USED_OUTSIDE = "used_outside", "Used outside Dailies"
    CHARGED_LESS = "charged_less", "The vendor charged less"
    SHARED_ACCOUNT = "shared_account", "Another key may use the same account"
    CONTRADICTS = "contradicts", "The vendor’s usage contradicts itself"
    WENT_BACK = "went_back", "The vendor’s usage went down"


# What goes on and on is one finding that grows; any other discrepancy is one of its own.
GROWING = frozenset({UsageVerdict.USED_OUTSIDE, UsageVerdict.SHARED_ACCOUNT})


class UsageSample(models.Model):
    """One look at a key's usage, with our own sums of that time frozen beside it, in credits."""

    provider_key = models.ForeignKey(ProviderKey, on_delete=models.PROTECT, related_name="samples")
    taken_at = models.DateTimeField()

    # As the vendor gave them; it may leave any out.
    balance = models.BigIntegerField(null=True, blank=True)
    total_purchased = models.BigIntegerField(null=True, blank=True)
    total_consumed = models.BigIntegerField(null=True, blank=True)

    charged = models.PositiveBigIntegerField(
        help_text="Credits of all generations that the vendor accepted."
    )
    refunded = models.PositiveBigIntegerField(help_text="Credits of those that cost nothing.")
    in_flight = models.PositiveBigIntegerField(
        "in progress", help_text="Credits of those that have not ended."
    )
    unknown = models.PositiveBigIntegerField(
        help_text="Credits of generations that it may have accepted."
    )
    stable = models.BooleanField(help_text="Our sums did not change while it was taken.")

    # What the comparison with the last baseline showed.
    is_baseline = models.BooleanField(help_text="Later samples are measured from it.")
    discrepancy = models.BigIntegerField(
        null=True, blank=True, help_text="Credits since the last baseline."
    )
    reading = models.CharField(
        max_length=10, blank=True, choices=[(one.value, one.value) for one in Reading if one]
    )
    verdict = models.CharField(max_length=20, choices=UsageVerdict.choices)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["provider_key", "-id"], name="sample_newest"),
            models.Index(
                fields=["provider_key", "-id"],
                name="sample_baseline",
                condition=Q(is_baseline=True),
            ),
            models.Index(fields=["taken_at"], name="sample_age"),
        ]

    def __str__(self) -> str:
        """Show when and what came of it."""
        return f"{self.taken_at:%Y-%m-%d %H:%M} {self.get_verdict_display()}"


class Discrepancy(models.Model):
    """Credits by which a key's usage and our books differ, until that is explained."""

    provider_key = models.ForeignKey(
        ProviderKey, on_delete=models.PROTECT, related_name="discrepancies"
    )
    since = models.DateTimeField(help_text="The last sample before it.")
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="The newest sample that showed more of it.")
    credits = models.BigIntegerField(help_text="Above 0, the vendor reports more than our books.")
    verdict = models.CharField(max_length=20, choices=UsageVerdict.choices)
    detail = models.CharField(max_length=500)
    candidates = models.JSONField(default=list, blank=True, help_text="IDs of generations.")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=200, blank=True)
    closing = models.CharField("reason", max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "discrepancies"
        constraints = [
            models.CheckConstraint(condition=~Q(credits=0), name="discrepancy_not_zero"),
            models.CheckConstraint(
                condition=Q(closed_at=None, closing="")
                | (Q(closed_at__isnull=False) & ~Q(closing="")),
                name="discrepancy_closes_with_a_reason",
            ),
            models.UniqueConstraint(
                fields=["provider_key", "verdict"],
                condition=Q(closed_at=None, verdict__in=sorted(GROWING)),
                name="discrepancy_grows_in_one_row",
            ),
        ]
        indexes = [
            models.Index(
                fields=["provider_key"], name="discrepancy_open", condition=Q(closed_at=None)
            )
        ]

    def __str__(self) -> str:
        """Show the credits and the likeliest cause."""
        return f"{self.credits:+} credits: {self.get_verdict_display()}"

    @property
    def is_open(self) -> bool:
        """Return whether it is still to be explained."""
        return self.closed_at is None
