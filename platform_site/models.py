"""What the site itself remembers: heartbeats and leases of background loops."""

from django.db import models


class Beat(models.Model):
    """When a background loop last proved that it works, end to end."""

    name = models.CharField(max_length=60, primary_key=True)
    beaten_at = models.DateTimeField()

    def __str__(self) -> str:
        """Name the loop."""
        return self.name


class Lease(models.Model):
    """The right of one process to run a loop for a while; taken by conditional UPDATE."""

    name = models.CharField(max_length=60, primary_key=True)
    holder = models.CharField(max_length=64, blank=True, default="")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        """Name the loop."""
        return self.name
