"""The audit trail, to be read."""

from django.contrib import admin
from django.utils.safestring import SafeString

from accounts.admin.actors import ActorNames, actor_column
from accounts.models import AuditEvent
from accounts.subject_columns import SubjectNames, subject_column
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.shown import clean, clean_json, linked, moment, roomy
from platform_site.admin.typed import display


@admin.register(AuditEvent)
class AuditEventAdmin(ActorNames, SubjectNames, ReadOnlyAdmin):
    """Who did what to which thing, when and why."""

    list_display = (
        moment("at"),
        "shown_actor",
        "action",
        linked("team"),
        "shown_subject",
        "shown_reason",
    )
    list_filter = ("action", "subject_kind", "team")
    list_select_related = ("team",)
    search_fields = (
        "actor",
        "action",
        "subject_kind",
        "subject_id",
        "reason",
        "request_id",
        "team__name",
    )
    date_hierarchy = "at"
    fields = (
        "at",
        "shown_actor",
        "action",
        "team",
        "shown_subject",
        "shown_reason",
        "request_id",
        "shown_data",
    )

    shown_actor = actor_column("actor")

    shown_subject = subject_column(label="subject")

    @display(description="reason")
    def shown_reason(self, event: AuditEvent) -> SafeString:
        """Return the reason, cleaned: it may quote the vendor."""
        return roomy(clean(event.reason))

    @display(description="data")
    def shown_data(self, event: AuditEvent) -> SafeString:
        """Return what was written beside it."""
        return clean_json(event.data)
