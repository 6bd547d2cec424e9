"""Whose turn it was last: what the dispatcher goes by when people have as much in flight."""

from django.contrib import admin

from generations.models import LastServed
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.shown import linked, moment


@admin.register(LastServed)
class LastServedAdmin(ReadOnlyAdmin):
    """When a generation of each person was last sent, in each of their teams."""

    list_display = ("__str__", linked("team"), linked("user"), moment("served_at"))
    list_filter = ("team",)
    list_select_related = ("team", "user")
    search_fields = ("team__name", "team__slug", "user__email")
    date_hierarchy = "served_at"
    fields = ("team", "user", "served_at")
