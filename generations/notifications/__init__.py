"""Who is notified that a generation ended: its team's endpoints, its callback, its people."""

from generations.notifications.generation_events import notify_ended

__all__ = ["notify_ended"]
