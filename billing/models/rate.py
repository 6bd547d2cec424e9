"""Prices as data, each with the date it takes effect."""

from django.db import models
from django.utils import timezone

from platform_site.db.catalogue import CatalogueModel


class Rate(CatalogueModel):
    """Credits per second for one model, resolution and audio choice, from a certain time.

    A price change is a new row; an old row stays, because generations were admitted under it.
    """

    model = models.CharField(max_length=80)
    resolution = models.CharField(max_length=10)
    audio = models.BooleanField()
    credits_per_second = models.PositiveIntegerField()
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "price"
        ordering = ["model", "resolution", "audio", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["model", "resolution", "audio", "effective_from"], name="rate_once_a_moment"
            ),
            models.CheckConstraint(
                condition=models.Q(credits_per_second__gt=0), name="rate_positive"
            ),
        ]

    def __str__(self) -> str:
        """Show the price as people say it."""
        sound = "with audio" if self.audio else "silent"
        return f"{self.model} {self.resolution} {sound}: {self.credits_per_second} credits/s"
