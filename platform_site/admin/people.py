"""Sign-in rows of libraries: groups of permissions, and addresses that open a door."""

from allauth.account import admin as allauth_admin  # likewise
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth import admin as auth_admin  # registers its own pages, which we replace
from django.contrib.auth.models import Group
from django.http import HttpRequest

from platform_site.admin.base import SiteAdmin
from platform_site.admin.shown import linked

# Importing their modules made sure that they registered first.
_REPLACED = {auth_admin.GroupAdmin: Group, allauth_admin.EmailAddressAdmin: EmailAddress}
for _model in _REPLACED.values():
    admin.site.unregister(_model)


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, SiteAdmin):  # type: ignore[misc]  # ours takes less
    """Named sets of permissions for administrators who are no superusers."""


@admin.register(EmailAddress)
class EmailAddressAdmin(SiteAdmin):
    """Addresses by which people sign in and reset passwords; people's own page changes them.

    An address that should no longer open an account can be deleted here.
    """

    list_display = ("email", linked("user"), "primary", "verified")
    list_filter = ("primary", "verified")
    list_select_related = ("user",)
    search_fields = ("email", "user__email")
    fields = ("email", "user", "primary", "verified")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: addresses come with people."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: EmailAddress | None = None) -> bool:
        """Refuse: addresses come with people."""
        return False
