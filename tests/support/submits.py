"""Submit one chosen generation, whoever's turn it is."""

from datetime import datetime

from django.utils import timezone

from accounts.authority import By
from generations.lifecycle import State
from generations.models import Generation
from generations.transitions import transition
from tests.support.sending import post_generation


def claim(generation: Generation, *, now: datetime | None = None) -> Generation | None:
    """Move this generation to `submitting` as the dispatcher would; None when it is not queued."""
    found = Generation.objects.select_related("provider_key", "team").get(pk=generation.pk)
    if found.state != State.QUEUED:
        return None
    claimed = transition(
        found,
        State.SUBMITTING,
        by=By.system("submit"),
        submitted_at=now or timezone.now(),
        next_submit_at=None,
    )
    return found if claimed else None


def submit(generation: Generation) -> None:
    """Claim this generation and send it to the vendor; do nothing when it is not queued."""
    claimed = claim(generation)
    if claimed is not None:
        post_generation(claimed)
