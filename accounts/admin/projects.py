"""Projects: managers create and rename them in the portal; archived and restored here too."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import Project
from accounts.people import by_of
from accounts.projects import archive_project, reopen_project
from platform_site.admin.base import ReadOnlyAdmin
from platform_site.admin.services import ConfirmForm, ServiceAdmin
from platform_site.admin.shown import linked, moment, related_lists
from platform_site.admin.typed import ActionVariant, action, display


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin, ServiceAdmin):
    """What a team groups its generations under, with limits of their own."""

    list_display = ("name", linked("team"), "slug", moment("created_at"), moment("archived_at"))
    list_filter = (("archived_at", admin.EmptyFieldListFilter), "team")
    list_select_related = ("team",)
    search_fields = ("name", "slug", "team__name", "team__slug")
    date_hierarchy = "created_at"
    actions_detail = ("archive", "reopen")
    fields = ("team", "name", "slug", "created_at", "archived_at", "shown_related")

    @display(description="related lists")
    def shown_related(self, project: Project) -> str | SafeString:
        """Return links to what was made for it."""
        return related_lists(project)

    def buttons_for(self, object_id: str) -> frozenset[str]:
        """Offer the one that changes something."""
        project = Project.objects.filter(pk=object_id).first()
        return frozenset({"archive" if project and project.archived_at is None else "reopen"})

    @action(
        description="Archive project",
        icon="archive",
        variant=ActionVariant.WARNING,
        permissions=["operate"],
        dialog={
            "title": "Archive this project?",
            "description": "It takes no new generations. Its films, generations and limits stay.",
            "form_class": ConfirmForm,
            "form_submit_text": "Archive project",
        },
    )
    def archive(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Accept nothing new for it."""

        def work(project: Project) -> str:
            archive_project(project, by=by_of(request), now=timezone.now())
            return f"{project} is archived."

        return self.run_on(request, object_id, work)

    @action(
        description="Restore project",
        icon="unarchive",
        permissions=["operate"],
        dialog={
            "title": "Restore this project?",
            "description": "It takes new generations again.",
            "form_class": ConfirmForm,
            "form_submit_text": "Restore project",
        },
    )
    def reopen(self, request: HttpRequest, _form: ConfirmForm, object_id: str) -> HttpResponse:
        """Accept generations for it again."""

        def work(project: Project) -> str:
            reopen_project(project, by=by_of(request))
            return f"{project} is restored."

        return self.run_on(request, object_id, work)
