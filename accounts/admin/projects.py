"""Projects, to be read: their team's managers open, name and close them in the portal."""

from django.contrib import admin
from django.utils.safestring import SafeString

from accounts.models import Project
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.shown import linked, moment, related_lists
from platform_site.admin.typed import display


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    """What a team files and caps its work under."""

    list_display = ("name", linked("team"), "slug", moment("created_at"), moment("archived_at"))
    list_filter = (("archived_at", admin.EmptyFieldListFilter), "team")
    list_select_related = ("team",)
    search_fields = ("name", "slug", "team__name", "team__slug")
    date_hierarchy = "created_at"
    fields = ("team", "name", "slug", "created_at", "archived_at", "shown_related")

    @display(description="lists")
    def shown_related(self, project: Project) -> str | SafeString:
        """Return links to what was made for it."""
        return related_lists(project)
