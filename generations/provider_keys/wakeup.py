"""Wake whoever sends with the provider keys: something was queued, or a key has room again."""

from platform_site.clusters.steps import step_at

_SEND = "generations.dispatch.steps.send_step"


def wake_dispatch(count: int = 1) -> int:
    """Have up to `count` queued generations sent soon, whichever are next; return how many it is.

    Not one step a generation: while enough steps wait anyway, those that wait send these too, each
    calling the next, and the queue stays short.
    """
    return step_at(_SEND).enqueue_up_to(count)
