"""A generation: the row of one video, from the request to the saved file."""

import secrets
import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey, Project, Team
from billing.models import Hold, Rate
from generations.lifecycle import (
    COUNTS_IN_FLIGHT,
    ENDINGS,
    LIVE,
    TERMINAL,
    Ending,
    ReviewReason,
    State,
)
from generations.models.provider_key import ProviderKey


def new_token() -> str:
    """Return 256 random bits for a path that nobody can guess."""
    return secrets.token_urlsafe(32)


def _ending_fits() -> Q:
    """Return the condition that a generation is in the state that its ending leads to."""
    fits = Q()
    for state, endings in ENDINGS.items():
        fits |= Q(state=state, ending__in=sorted(endings))
    return fits


class Mode(models.TextChoices):
    """What the film starts from."""

    TEXT = "text", "Text"
    FIRST_FRAME = "first_frame", "First frame"
    FIRST_LAST_FRAME = "first_last_frame", "First and last frame"


class Priority(models.IntegerChoices):
    """Which of a team's queued generations go first; other teams are served as before."""

    LOW = -1, "Low"
    NORMAL = 0, "Normal"
    HIGH = 1, "High"


class Generation(models.Model):
    """One row a video. Its id is our task id; its state changes only through `transitions`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Each index is written with every change of a row: what another one serves has none, and what
    # few rows have is indexed where they have it.
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, related_name="generations", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="generations"
    )
    api_key = models.ForeignKey(
        ApiKey,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="generations",
        db_index=False,
    )
    project = models.ForeignKey(
        Project,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="generations",
        db_index=False,
    )
    provider_key = models.ForeignKey(
        ProviderKey, on_delete=models.PROTECT, related_name="generations"
    )

    # The request, normalised; `body` is what is sent, byte for byte but for the callback URL.
    model = models.CharField(max_length=80)
    mode = models.CharField(max_length=20, choices=Mode.choices)
    prompt = models.TextField()
    duration = models.PositiveSmallIntegerField(help_text="Seconds.")
    resolution = models.CharField(max_length=10)
    aspect_ratio = models.CharField(max_length=10)
    generate_audio = models.BooleanField()
    body = models.JSONField()
    callback_url = models.URLField(max_length=2048, blank=True)
    # Null, not "": unique among those that have one.
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    fingerprint = models.CharField(max_length=64, editable=False)
    remix_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="remixes",
        db_index=False,
    )
    retry_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="retries",
        db_index=False,
    )

    # The price it was admitted under (P18) and the credits held for it (P02).
    rate = models.ForeignKey(Rate, on_delete=models.PROTECT, related_name="+", db_index=False)
    credits_per_second = models.PositiveIntegerField()
    credits = models.PositiveBigIntegerField()
    hold = models.OneToOneField(Hold, on_delete=models.PROTECT, related_name="+")

    # The life cycle.
    state = models.CharField(max_length=20, choices=State.choices)
    review_reason = models.CharField(max_length=20, choices=ReviewReason.choices, blank=True)
    ending = models.CharField(max_length=20, choices=Ending.choices, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    next_submit_at = models.DateTimeField(null=True, blank=True)
    submit_attempts = models.PositiveIntegerField(default=0)
    submitted_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # A request once the vendor may be working (P16): the hold waits until the vendor answers.
    cancel_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancel_requested_by = models.CharField(max_length=200, blank=True, editable=False)

    # What the vendor says.
    upstream_id = models.CharField(  # noqa: DJ001
        "vendor task ID", max_length=120, null=True, blank=True
    )
    callback_token = models.CharField(max_length=64, default=new_token, editable=False)
    next_poll_at = models.DateTimeField(null=True, blank=True)
    polls = models.PositiveIntegerField(default=0)
    poll_holder = models.CharField(
        max_length=32, blank=True, editable=False, help_text="The sweep that asks."
    )
    poll_failures = models.PositiveIntegerField(default=0, help_text="Unclear answers in a row.")
    upstream_metadata = models.JSONField(default=dict, blank=True)
    metadata_differs = models.BooleanField("vendor reports differences", default=False)
    seed = models.BigIntegerField(null=True, blank=True, help_text="The seed that the vendor used.")

    # What the team makes of it.
    favourite = models.BooleanField(default=False)

    # Not stored: whether an idempotency key of an earlier request led to it.
    is_replay = False

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="generation_state_known"
            ),
            models.CheckConstraint(condition=Q(credits__gt=0), name="generation_priced"),
            models.CheckConstraint(
                condition=Q(priority__in=Priority.values), name="generation_priority_known"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, state__in=sorted([*LIVE, State.NEEDS_REVIEW]))
                | Q(ended_at__isnull=False, state__in=sorted(TERMINAL)),
                name="generation_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(ending="", ended_at__isnull=True) | _ending_fits(),
                name="generation_ending_fits",
            ),
            models.CheckConstraint(
                condition=Q(state=State.NEEDS_REVIEW) ^ Q(review_reason=""),
                name="generation_review_has_a_reason",
            ),
            models.UniqueConstraint(fields=["callback_token"], name="generation_callback_token"),
            # A vendor's task belongs to one generation, and is asked for with its own key (P25).
            models.UniqueConstraint(
                fields=["provider_key", "upstream_id"],
                condition=Q(upstream_id__isnull=False),
                name="generation_owns_its_upstream_task",
            ),
            models.UniqueConstraint(
                fields=["team", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="generation_idempotent",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="generation_newest"),
            models.Index(
                fields=["team", "state", "-created_at", "-id"], name="generation_newest_in_state"
            ),
            models.Index(
                fields=["team", "-created_at", "-id"],
                name="generation_favourites",
                condition=Q(favourite=True),
            ),
            *(
                models.Index(
                    fields=[name],
                    name=f"generation_by_{name}",
                    condition=Q(**{f"{name}__isnull": False}),
                )
                for name in ("api_key", "project", "remix_of", "retry_of")
            ),
            models.Index(
                fields=["next_poll_at"],
                name="generation_poll_due",
                condition=Q(next_poll_at__isnull=False),
            ),
            models.Index(
                fields=["next_submit_at"],
                name="generation_submit_due",
                condition=Q(state=State.QUEUED),
            ),
            # The queue as the dispatcher reads it: by key, team and person.
            models.Index(
                fields=["provider_key", "team", "user", "-priority", "created_at"],
                name="generation_fair_queue",
                condition=Q(state=State.QUEUED),
            ),
            models.Index(
                fields=["provider_key", "team", "user"],
                name="generation_counts_in_flight",
                condition=Q(state__in=sorted(COUNTS_IN_FLIGHT)),
            ),
            models.Index(
                fields=["-ended_at"],
                name="generation_newest_completed",
                condition=Q(state=State.COMPLETED),
            ),
            models.Index(
                fields=["poll_holder"],
                name="generation_polled_by",
                condition=~Q(poll_holder=""),
            ),
            models.Index(
                fields=["team", "-created_at"],
                name="generation_in_review",
                condition=Q(state=State.NEEDS_REVIEW),
            ),
            models.Index(
                fields=["submitted_at"],
                name="generation_submitting",
                condition=Q(state=State.SUBMITTING),
            ),
        ]

    def __str__(self) -> str:
        """Show the start of the prompt."""
        return self.prompt[:60] or str(self.id)

    @property
    def is_terminal(self) -> bool:
        """Return whether nothing more will happen to its state."""
        return self.state in TERMINAL
