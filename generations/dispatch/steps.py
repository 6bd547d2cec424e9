"""The steps that send what is queued: of the one loop, and of those that help it."""

from datetime import datetime

from generations.dispatch.fair_queue import sendable_keys
from generations.lifecycle import State
from generations.models import Generation
from generations.provider_keys import start_dispatch
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step

dispatch_step = Step(
    "generations.dispatch.steps.dispatch_step",
    runs="generations.dispatch.loop.dispatch",
    queue=MAIN_QUEUE,
)
help_dispatch_step = Step(
    "generations.dispatch.steps.help_dispatch_step",
    runs="generations.dispatch.loop.help_dispatch",
    queue=MAIN_QUEUE,
)
dispatch_step.due_by(Generation.objects.filter(state=State.QUEUED), "next_submit_at")


@dispatch_step.when_due
def start_if_due(now: datetime) -> None:
    """Enqueue the step if something can be sent: its due time came, or a step was lost."""
    if sendable_keys(now):
        start_dispatch(now=now)
