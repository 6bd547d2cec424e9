"""Who is next, and sending it to the vendor; cancelling what was not sent or was."""

from generations.dispatch.cancel import cancel_generation, cancel_waiting, may_cancel
from generations.dispatch.queue_position import QueuePosition, positions_of
from generations.dispatch.steps import dispatch_step, help_dispatch_step
from generations.dispatch.submit_unknown import mark_stale_submits_unknown

__all__ = [
    "QueuePosition",
    "cancel_generation",
    "cancel_waiting",
    "dispatch_step",
    "help_dispatch_step",
    "mark_stale_submits_unknown",
    "may_cancel",
    "positions_of",
]
