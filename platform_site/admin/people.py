"""Pages of libraries about people: groups of permissions."""

from allauth.account import admin as _emails  # noqa: F401  # likewise
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth import admin as auth_admin  # registers its own pages, which we replace
from django.contrib.auth.models import Group

from platform_site.admin.base import SiteAdmin

# Importing their modules made sure that they registered first. Emails in the library's table open
# nothing here, so they have no page.
for _model in (Group, EmailAddress):
    admin.site.unregister(_model)


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, SiteAdmin):  # type: ignore[misc]  # ours takes less
    """Named sets of permissions for administrators who are no superusers."""
