"""Who is what in which team."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.models import Membership
from accounts.people import by_of
from accounts.roles import Role
from accounts.teams import set_role
from platform_site.admin.base import ReadOnlyInline, SiteInline
from platform_site.admin.services import ServiceAdmin
from platform_site.admin.shown import badge_of, linked, moment
from platform_site.admin.typed import display

ROLE_LABELS = {
    Role.OWNER: "success",
    Role.MANAGER: "info",
    Role.MEMBER: "default",
    Role.VIEWER: "default",
}


def save_role(request: HttpRequest, membership: Membership) -> None:
    """Give the role that a form asks for, by the service."""
    saved = set_role(
        team=membership.team,
        user=membership.user,
        role=membership.role,
        by=by_of(request),
    )
    membership.pk = saved.pk


class MembersInline(ReadOnlyInline):
    """The people of a team; each one's own page changes the role."""

    model = Membership
    fields = ("user", "role", "created_at", "page")
    verbose_name_plural = "members"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Join what a row's name is made of."""
        return super().get_queryset(request).select_related("user", "team")


class NewMembersInline(SiteInline):
    """People to add to the team; an existing member gets the new role."""

    model = Membership
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    extra = 1
    tab = True
    can_delete = False
    verbose_name_plural = "add members"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Show no stored rows: they have an inline of their own."""
        return super().get_queryset(request).none()


@admin.register(Membership)
class MembershipAdmin(ServiceAdmin):
    """Every membership; the person and the team are fixed, the role can change."""

    list_display = ("user", linked("team"), "shown_role", moment("created_at"))
    list_filter = ("role", "team")
    list_select_related = ("team", "user")
    search_fields = ("user__email", "user__name", "team__name", "team__slug")
    autocomplete_fields = ("team", "user")
    fields = ("team", "user", "role")

    @display(description="role", ordering="role")
    def shown_role(self, membership: Membership) -> SafeString:
        """Return the role in colour."""
        return badge_of(membership, "role", ROLE_LABELS)

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> Any:
        """Let only the role of a stored membership change."""
        return ("team", "user") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Membership | None = None) -> bool:
        """Refuse: no service removes a person from a team yet."""
        return False

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """Give the role."""
        save_role(request, obj)
