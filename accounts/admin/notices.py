"""The notifications that people received, read-only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Notice
from accounts.subject_columns import SubjectNames, subject_column
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.shown import clean, link_to, linked, moment, roomy
from platform_site.admin.typed import display


@admin.register(Notice)
class NoticeAdmin(SubjectNames, ReadOnlyAdmin):
    """One message to one person of a team, or to everyone who has a permission there."""

    list_display = (
        moment("created_at"),
        "shown_title",
        linked("team"),
        "shown_audience",
        "kind",
        "mailed",
        moment("next_mail_at", label="next email"),
    )
    list_filter = ("kind", ("next_mail_at", admin.EmptyFieldListFilter), "team")
    list_select_related = ("team", "user")
    search_fields = ("title", "kind", "team__name", "user__email")
    date_hierarchy = "created_at"
    fields = (
        "created_at",
        "team",
        "shown_audience",
        "kind",
        "shown_subject",
        "shown_title",
        "shown_body",
        "path",
        "mailed",
        "mail_attempts",
        "next_mail_at",
    )
    # Texts quote what the vendor said.
    unsearchable = ("body", "dedupe_key")

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Clean the title: the page's heading is made of it."""
        notice = super().get_object(request, object_id, from_field)
        if notice is not None:
            notice.title = clean(notice.title)
        return notice

    @display(description="title", ordering="title")
    def shown_title(self, notice: Notice) -> SafeString:
        """Return the title, cleaned: it may name a key."""
        return roomy(clean(notice.title))

    @display(description="body")
    def shown_body(self, notice: Notice) -> SafeString:
        """Return the text, cleaned."""
        return format_html('<div class="whitespace-pre-wrap">{}</div>', clean(notice.body))

    shown_subject = subject_column(label="about")

    @display(description="to")
    def shown_audience(self, notice: Notice) -> str | SafeString:
        """Return who is notified."""
        if notice.user is not None:
            return link_to(notice.user)
        return f"Everyone who can {notice.get_permission_display()}"

    @display(description="emails sent")
    def mailed(self, notice: Notice) -> int:
        """Return how many people got an email."""
        return len(notice.mailed_to)
