"""Cancelling, and what it leaves behind."""

from typing import Any

from django.utils import timezone

from generations.dispatch.cancel import cancel_generation
from generations.models import Generation
from tests.factories import SYSTEM


def stop(generation: Generation, **more: Any) -> Generation:
    """Cancel it and read it again."""
    cancel_generation(generation, by=SYSTEM, now=timezone.now(), **more)
    return fresh(generation)


def fresh(generation: Generation) -> Generation:
    """Read it again."""
    return Generation.objects.get(pk=generation.pk)


def kinds(generation: Generation) -> list[str]:
    """Return its events: of which kind, and to which state."""
    return [f"{one.kind} {one.to_state}".strip() for one in generation.events.all()]
