"""Leases: one process runs a loop at a time, and a dead one loses its right by time alone."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection

from platform_site.models import Lease


def acquire(name: str, holder: str, *, now: datetime, life: timedelta) -> bool:
    """Take the lease `name` for `holder`, or renew it; False while another one holds it.

    A conditional UPDATE whose row count is believed: of two takers one wins.
    """
    Lease.objects.bulk_create([Lease(name=name, holder="", expires_at=now)], ignore_conflicts=True)
    mine = Lease.objects.filter(name=name, holder=holder)
    free = Lease.objects.filter(name=name, expires_at__lte=now)
    return bool((mine | free).update(holder=holder, expires_at=now + life))


def release(name: str, holder: str, *, now: datetime) -> None:
    """Give the lease back, if `holder` still has it."""
    Lease.objects.filter(name=name, holder=holder).update(holder="", expires_at=now)


def clear(name: str, *, now: datetime) -> None:
    """Let the lease be taken, whoever has it."""
    Lease.objects.filter(name=name).exclude(holder="").update(holder="", expires_at=now)


def is_free(names: Collection[str], *, now: datetime) -> bool:
    """Return whether one of the leases `names` could be taken."""
    held = Lease.objects.filter(name__in=names, expires_at__gt=now).exclude(holder="")
    return held.count() < len(names)


def is_any_held(names: Collection[str], *, now: datetime) -> bool:
    """Return whether somebody has one of the leases `names`; cheap enough to ask at every call."""
    holes = ", ".join(["%s"] * len(names))
    at = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM platform_site_lease"  # noqa: S608  # only placeholders are put in
            f" WHERE name IN ({holes}) AND holder <> '' AND expires_at > %s LIMIT 1",
            [*names, at],
        )
        return cursor.fetchone() is not None
