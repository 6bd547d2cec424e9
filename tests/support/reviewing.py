"""What is in review, and adopting an id for it."""

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from generations.models import Generation
from generations.review.adopt import adopt_found_id
from tests.factories import SYSTEM
from tests.support.desk import fresh

Lose = Callable[[], Generation]


def adopt(generation: Generation, upstream_id: str, **more: Any) -> Generation:
    """Link a task that was found for it, and read it again."""
    known = {"by": SYSTEM, "reason": "Found in the console", "now": timezone.now()}
    adopt_found_id(fresh(generation), upstream_id, **{**known, **more})
    return fresh(generation)
