"""The saved film of a generation, or why there is none."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from generations.models.generation import Generation, new_token


class StoredFile(models.Model):
    """One film's bytes in the store, with its pictures and previews, for every film that has them.

    Its names are never used again: whoever finds `uses` at 0 may delete the files at leisure,
    while the same bytes, if they come again, are stored under other names.
    """

    sha256 = models.CharField(max_length=64)
    file_name = models.CharField(max_length=200, unique=True)
    poster_name = models.CharField(max_length=200, blank=True)
    last_frame_name = models.CharField(max_length=200, blank=True)
    small_poster_name = models.CharField(max_length=200, blank=True)
    large_poster_name = models.CharField(max_length=200, blank=True)
    preview_name = models.CharField(max_length=200, blank=True)
    previews_due_at = models.DateTimeField(
        null=True,
        blank=True,
        default=timezone.now,
        help_text="Set until they are made or have failed.",
    )
    preview_attempts = models.PositiveSmallIntegerField(default=0)
    uses = models.PositiveIntegerField(
        default=1, help_text="Films that share it. At 0 its files can be deleted."
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sha256"], condition=Q(uses__gt=0), name="stored_file_once"
            )
        ]
        indexes = [
            models.Index(fields=["created_at"], name="stored_file_unused", condition=Q(uses=0)),
            models.Index(
                fields=["previews_due_at"],
                name="stored_file_previews_due",
                condition=Q(previews_due_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        """Show the start of the digest."""
        return f"{self.sha256[:12]}…"


class Film(models.Model):
    """A row from the vendor's completion on; `archive.keep` fetches and checks the file."""

    class State(models.TextChoices):
        """Whether the file is ours yet."""

        PENDING = "pending", "Saving"
        KEPT = "kept", "Ready"
        GIVEN_UP = "given_up", "Film lost"
        REMOVED = "removed", "Removed"

    generation = models.OneToOneField(
        Generation, primary_key=True, on_delete=models.PROTECT, related_name="film"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    token = models.CharField(max_length=64, unique=True, default=new_token, editable=False)
    # Whoever reads the vendor's answer caps it; a column must not be what refuses a paid film.
    source_url = models.TextField(blank=True, editable=False)
    link_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0, help_text="Failed attempts in a row.")
    link_died = models.BooleanField(
        default=False, editable=False, help_text="The last attempt found the vendor’s link expired."
    )
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Set while a worker fetches it."
    )
    alarms = models.PositiveSmallIntegerField(
        "alerts", default=0, help_text="Sent at 25%, 50% and 75% of the link’s life."
    )
    problem = models.CharField(max_length=300, blank=True)
    kept_at = models.DateTimeField("saved at", null=True, blank=True)
    lost_at = models.DateTimeField(
        null=True, blank=True, help_text="When saving first failed. It can be saved again by hand."
    )
    removed_at = models.DateTimeField(null=True, blank=True)
    first_downloaded_at = models.DateTimeField(null=True, blank=True, editable=False)

    stored = models.ForeignKey(
        StoredFile,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="films",
        help_text="Empty if the files belong to this film only.",
    )
    file_name = models.CharField(max_length=200, blank=True)
    poster_name = models.CharField(max_length=200, blank=True)
    last_frame_name = models.CharField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes.")
    sha256 = models.CharField(max_length=64, blank=True)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    frames = models.PositiveIntegerField(default=0)
    has_audio = models.BooleanField(default=False)
    differs = models.CharField(
        "not as requested", max_length=300, blank=True, help_text="How it differs from the request."
    )

    class Meta:
        indexes = [
            models.Index(fields=["next_attempt_at"], name="film_due", condition=Q(state="pending")),
            models.Index(fields=["kept_at"], name="film_kept", condition=Q(state="kept")),
            models.Index(fields=["lost_at"], name="film_lost", condition=Q(state="given_up")),
            models.Index(fields=["sha256"], name="film_bytes", condition=~Q(sha256="")),
        ]

    def __str__(self) -> str:
        """Name its generation and state."""
        return f"{self.get_state_display()}: {self.generation}"

    @property
    def seconds(self) -> float:
        """Return how long it plays."""
        return self.duration_ms / 1000
