"""The step that sends the next generation."""

from datetime import datetime

from generations.dispatch.fair_queue import next_candidates
from platform_site.clusters.queues import MAIN_QUEUE
from platform_site.clusters.steps import Step

# More waiting sends than a worker or two can take at once only lengthen the queue.
SENDS_WAITING = 6

send_step = Step(
    "generations.dispatch.steps.send_step",
    runs="generations.dispatch.claim.send_next",
    queue=MAIN_QUEUE,
    most_waiting=SENDS_WAITING,
)


def refill_sends(*, now: datetime, most: int = SENDS_WAITING) -> int:
    """Ask for up to `most` sends if something can be sent and few are asked for; return how many.

    Meant for whoever cannot know whether a step was lost or what became due by time alone.
    """
    return send_step.enqueue_up_to(most) if next_candidates(now=now) else 0


@send_step.when_due
def _refill(now: datetime) -> None:
    refill_sends(now=now)
