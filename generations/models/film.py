"""The kept film of a generation, or the story of why there is none."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from generations.models.generation import Generation, new_token


class Film(models.Model):
    """A row from the vendor's completion on; `services.keeping` fetches and checks the file."""

    class State(models.TextChoices):
        """Whether the file is ours yet."""

        PENDING = "pending", "Being kept"
        KEPT = "kept", "Kept"
        GIVEN_UP = "given_up", "Lost"
        REMOVED = "removed", "Removed by the team's rule"

    generation = models.OneToOneField(
        Generation, primary_key=True, on_delete=models.PROTECT, related_name="film"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    source_url = models.URLField(max_length=2048, blank=True, editable=False)
    link_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="while a worker fetches it"
    )
    alarms = models.PositiveSmallIntegerField(default=0, help_text="of 25, 50, 75 % of its life")
    problem = models.CharField(max_length=300, blank=True)
    kept_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    first_downloaded_at = models.DateTimeField(null=True, blank=True, editable=False)

    file_name = models.CharField(max_length=200, blank=True)
    poster_name = models.CharField(max_length=200, blank=True)
    last_frame_name = models.CharField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField(default=0, help_text="bytes")
    sha256 = models.CharField(max_length=64, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    frames = models.PositiveIntegerField(default=0)
    has_audio = models.BooleanField(default=False)
    differs = models.CharField(
        max_length=300, blank=True, help_text="how it differs from the order"
    )

    class Meta:
        indexes = [
            models.Index(fields=["next_attempt_at"], name="film_due", condition=Q(state="pending")),
            models.Index(fields=["kept_at"], name="film_kept", condition=Q(state="kept")),
            # One file may serve several films: the same bytes are stored once.
            models.Index(fields=["sha256"], name="film_bytes", condition=~Q(sha256="")),
        ]

    def __str__(self) -> str:
        """Name its generation and state."""
        return f"{self.get_state_display()}: {self.generation}"
