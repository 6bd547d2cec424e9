"""Generations that the vendor works on."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Membership
from generations.lifecycle import State
from generations.models import Generation
from tests.factories import fund, make_generation
from tests.support.vendor import Vendor

CHEAP: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}


def working(membership: Membership, vendor: Vendor, **inputs: Any) -> Generation:
    """Return one."""
    return make_generation(membership, State.PROCESSING, upstream_id=vendor.add_task(), **inputs)


def long_due(count: int, membership: Membership, vendor: Vendor) -> list[Generation]:
    """Return cheap ones that should have been looked at a minute ago."""
    fund(membership.team, 100 * count)
    jobs = [working(membership, vendor, **CHEAP) for _ in range(count)]
    earlier = timezone.now() - timedelta(minutes=1)
    Generation.objects.filter(pk__in=[job.pk for job in jobs]).update(next_poll_at=earlier)
    return jobs
