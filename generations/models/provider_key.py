"""Provider keys: sealed in their rows, and never shown again."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Team
from generations.vendors import DEFAULT_VENDOR, USUAL_IN_FLIGHT, vendor_choices
from platform_site.db.catalogue import CatalogueModel


class PauseReason(models.TextChoices):
    """Why nothing is sent with a key; of a refusal, `pause_code` says what it was about."""

    BY_HAND = "by_hand", "Paused by hand"
    REFUSED = "refused", "Refused by the vendor"


class ProviderKey(CatalogueModel):
    """A person's or a team's key at a vendor. Only `generations.provider_keys.vault` reads the
    secret.
    """

    # What decides which key a generation is admitted with, and whether it can be.
    catalogue_columns = frozenset({"team", "owner", "vendor", "endpoint", "secret_token", "state"})

    class State(models.TextChoices):
        """Whether generations are sent with it."""

        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        SEALED = "sealed", "Deleted"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="provider_keys")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="provider_keys",
        help_text="Leave empty to share it with the whole team.",
    )
    vendor = models.CharField(max_length=40, choices=vendor_choices, default=DEFAULT_VENDOR)
    label = models.CharField(max_length=80)
    endpoint = models.CharField(max_length=300, editable=False)
    secret_token = models.TextField(editable=False, blank=True)
    last4 = models.CharField(max_length=4, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    max_in_flight = models.PositiveIntegerField(
        "concurrent generations",
        default=USUAL_IN_FLIGHT,
        help_text="The vendor rejects more than the account allows.",
    )
    per_minute = models.PositiveIntegerField(
        "sent per minute", null=True, blank=True, help_text="Leave empty for no limit."
    )
    # Moved on by each send and by a vendor that asks to wait: nothing is sent with the key before.
    next_send_at = models.DateTimeField(null=True, blank=True, editable=False)
    send_failures = models.PositiveIntegerField(
        default=0,
        editable=False,
        help_text="Sends in a row that the vendor postponed or did not answer.",
    )
    pause_reason = models.CharField(max_length=20, choices=PauseReason.choices, blank=True)
    pause_code = models.CharField(
        max_length=60, blank=True, help_text="The vendor’s code, if it refused the key."
    )
    pause_note = models.CharField(
        max_length=300, blank=True, help_text="What the vendor or the person who paused it said."
    )
    probe_problem = models.CharField(
        max_length=300, blank=True, help_text="Why the last test of the paused key failed."
    )
    next_probe_at = models.DateTimeField(null=True, blank=True)
    probes = models.PositiveIntegerField(default=0)
    # At once: what a key's first sample shows is what later ones are measured from.
    next_sample_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["team", "-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(max_in_flight__gt=0), name="provider_key_sends_something"
            ),
            models.CheckConstraint(
                condition=Q(state="paused") ^ Q(pause_reason=""),
                name="provider_key_pause_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(per_minute=None) | Q(per_minute__gt=0), name="provider_key_has_a_rate"
            ),
            models.UniqueConstraint(
                fields=["team", "owner", "vendor"],
                condition=~Q(state="sealed"),
                name="provider_key_one_a_person",
            ),
            models.UniqueConstraint(
                fields=["team", "vendor"],
                condition=~Q(state="sealed") & Q(owner=None),
                name="provider_key_one_shared",
            ),
        ]

    def __str__(self) -> str:
        """Show the label and the last four characters."""
        return f"{self.label} (…{self.last4})"

    @property
    def is_paused_by_hand(self) -> bool:
        """Return whether a person paused it, so that only a person resumes it."""
        return self.pause_reason == PauseReason.BY_HAND

    @property
    def is_shared(self) -> bool:
        """Return whether the whole team sends with it."""
        return self.owner_id is None
