"""Background work: the queue's rows in the site's theme, to be read only."""

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_q import admin as django_q_admin  # registers its own pages, which we replace
from django_q.models import Failure, OrmQ, Schedule, Success, Task

from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.shown import EMPTY, clean, moment, seconds_ago
from platform_site.admin.typed import display
from platform_site.models import Cluster, Heartbeat

_REPLACED = {
    django_q_admin.ScheduleAdmin: Schedule,
    django_q_admin.TaskAdmin: Success,
    django_q_admin.FailAdmin: Failure,
    django_q_admin.QueueAdmin: OrmQ,
}
for _model in _REPLACED.values():
    admin.site.unregister(_model)

_TASK_FIELDS = ("name", "func", "shown_args", "started", "stopped", "took", "attempt_count")


class TaskAdmin(ReadOnlyAdmin):
    """One run of a job. Arguments are ids; results are shown without what looks like a secret."""

    list_display = ("name", "func", "shown_args", moment("started"), "took", "attempt_count")
    list_filter = ("func",)
    search_fields = ("name", "func")
    date_hierarchy = "started"
    unsearchable = ("args", "kwargs", "result")

    @display(description="arguments")
    def shown_args(self, task: Task) -> str:
        """Return the positional arguments, cleaned."""
        return clean(", ".join(map(str, task.args or ()))) or EMPTY

    @display(description="took")
    def took(self, task: Task) -> str:
        """Return the seconds it ran."""
        return f"{task.time_taken():.2f} s"


@admin.register(Success)
class SuccessAdmin(TaskAdmin):
    """Jobs that ended well. The queue keeps none of them unless `save_limit` says so."""

    fields = _TASK_FIELDS


@admin.register(Failure)
class FailureAdmin(TaskAdmin):
    """Jobs that raised or timed out."""

    fields = (*_TASK_FIELDS, "shown_result")
    list_display = ("name", "func", "shown_args", moment("started"), "attempt_count", "last_line")

    @display(description="problem")
    def last_line(self, task: Task) -> str:
        """Return the last line of the traceback."""
        lines = str(task.result or "").strip().splitlines()
        return clean(lines[-1])[:120] if lines else EMPTY

    @display(description="result")
    def shown_result(self, task: Task) -> SafeString:
        """Return the traceback, cleaned."""
        text = clean(str(task.result or EMPTY))
        return format_html('<pre class="whitespace-pre-wrap break-words">{}</pre>', text)


@admin.register(OrmQ)
class QueueAdmin(ReadOnlyAdmin):
    """Jobs that wait. The signed payload is never shown; what it calls is."""

    list_display = ("name", "func", "shown_args", moment("lock"), "key")
    list_filter = ("key",)
    ordering = ("id",)
    fields = ("name", "func", "shown_args", "key", "lock")

    @display(description="arguments")
    def shown_args(self, queued: OrmQ) -> str:
        """Return the positional arguments, cleaned."""
        return clean(", ".join(map(str, queued.args() or ()))) or EMPTY


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """What runs regularly; the site creates a missing schedule again."""

    list_display = ("name", "func", "schedule_type", "minutes", moment("next_run"))
    list_filter = ("schedule_type",)
    search_fields = ("name", "func")
    fields = ("name", "func", "schedule_type", "minutes", "repeats", "next_run", "cluster")


@admin.register(Cluster)
class ClusterAdmin(ReadOnlyAdmin):
    """The workers that run, and the proof of each that jobs come through it."""

    list_display = ("queue", "host", "pid", moment("started_at"), "last_heartbeat")
    list_filter = ("queue", "host")
    ordering = ("queue", "host", "started_at")
    fields = ("id", "queue", "host", "pid", "started_at", "heartbeat_at", "last_heartbeat")

    @display(description="last heartbeat")
    def last_heartbeat(self, cluster: Cluster) -> str:
        """Return how long ago it proved that it works."""
        return seconds_ago(cluster.silence_seconds(timezone.now()))


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """When each background loop last did its work."""

    list_display = ("name", moment("heartbeat_at"), "age")
    fields = ("name", "heartbeat_at")

    @display(description="age")
    def age(self, heartbeat: Heartbeat) -> str:
        """Return how long ago it did its work."""
        return seconds_ago((timezone.now() - heartbeat.heartbeat_at).total_seconds())
