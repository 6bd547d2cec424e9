"""What the site itself remembers: its clusters, heartbeats and leases of background loops, versions
of what processes remember.
"""

from datetime import datetime

from django.db import models

CATALOGUE = "catalogue"


class Heartbeat(models.Model):
    """When a background loop last proved that it works, end to end."""

    name = models.CharField(max_length=60, primary_key=True)
    heartbeat_at = models.DateTimeField()

    def __str__(self) -> str:
        """Name the loop."""
        return self.name


class Cluster(models.Model):
    """A background cluster that runs somewhere, and when it last proved that it works.

    `secret_mark` tells whether two share the SECRET_KEY, and nothing about it.
    """

    id = models.UUIDField(primary_key=True)
    queue = models.CharField(max_length=100)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    secret_mark = models.CharField(max_length=16)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        """Name what it serves and where."""
        return f"{self.queue} on {self.host}"

    def silence_seconds(self, now: datetime) -> float | None:
        """Return the seconds since it proved that it works; None if it never did."""
        if self.heartbeat_at is None:
            return None
        # Another host's clock may be ahead of ours.
        return max(0.0, (now - self.heartbeat_at).total_seconds())


class Lease(models.Model):
    """The right of one process to run a loop for a while; taken by conditional UPDATE."""

    name = models.CharField(max_length=60, primary_key=True)
    holder = models.CharField(max_length=64, blank=True, default="")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        """Name the loop."""
        return self.name


class Version(models.Model):
    """A random number that stands as long as what it is of (see `remembered`)."""

    name = models.CharField(max_length=60, primary_key=True)
    number = models.BigIntegerField()

    def __str__(self) -> str:
        """Name what it is of."""
        return self.name
