"""The queue's schedules: a sweep each minute, and a clean-up each hour."""

from django_q.models import Schedule

from generations.ops.steps import clean_up_step, sweep_step


def ensure_schedules() -> None:
    """Create the two schedules if they are missing, and start a sweep now."""
    schedules = {
        "sweep": {
            "func": sweep_step.path,
            "schedule_type": Schedule.MINUTES,
            "minutes": 1,
            "args": "(0.0,)",
        },
        "clean up": {"func": clean_up_step.path, "schedule_type": Schedule.HOURLY},
    }
    for name, fields in schedules.items():
        # Two workers that start at once may both create one: harmless, but it is no single row.
        if not Schedule.objects.filter(name=name).exists():
            Schedule.objects.create(name=name, repeats=-1, **fields)
    sweep_step.enqueue(20.0)
