"""The standing orders of the queue: that there is a sweep, and that somebody cleans up."""

from django_q.models import Schedule

from generations.queue import enqueue_sweep


def ensure_schedules() -> None:
    """Create the two schedules if they are missing, and start a sweep at once."""
    orders = {
        "sweep": {
            "func": "generations.tasks.sweep",
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
        },
        "clean up": {"func": "generations.tasks.clean_up", "schedule_type": Schedule.HOURLY},
    }
    for name, order in orders.items():
        # Two workers that start at once may both create one: harmless, but it is no single row.
        if not Schedule.objects.filter(name=name).exists():
            Schedule.objects.create(name=name, repeats=-1, **order)
    enqueue_sweep(wait_seconds=20.0)
