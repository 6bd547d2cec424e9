"""The catalogue: what the vendors' models can do, as data."""

from django.db import models

from generations.vendors import DEFAULT_VENDOR, vendor_choices
from platform_site.db.catalogue import CatalogueModel


class VideoModel(CatalogueModel):
    """One model of a vendor. Models come and go, so everything about them is a row."""

    name = models.CharField(max_length=80, unique=True)
    title = models.CharField(max_length=80)
    vendor = models.CharField(max_length=40, choices=vendor_choices, default=DEFAULT_VENDOR)
    active = models.BooleanField(default=True)
    parameters = models.JSONField(
        help_text="What it takes, as docs/models.md describes it. Only this is shown in the "
        "studio, accepted, sent and compared."
    )
    max_images = models.PositiveSmallIntegerField(
        help_text="0 for text only, 1 for a first frame, 2 for a last frame too."
    )
    frames_per_second = models.PositiveSmallIntegerField(default=24)
    refused_fields = models.JSONField(
        default=list,
        blank=True,
        help_text="Inputs of related models, refused by name.",
    )
    sizes = models.JSONField(
        default=dict,
        blank=True,
        help_text='Pixels that a film must have: {"720p": {"16:9": [1280, 720]}}.',
    )

    class Meta:
        ordering = ["name"]
        verbose_name = "model"

    def __str__(self) -> str:
        """Show the title."""
        return self.title
