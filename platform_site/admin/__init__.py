"""The admin's own wiring: the one sign-in, and the rows of libraries in the site's theme."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin

from platform_site.admin import background, people

__all__ = ["background", "people"]

# One door for everybody: the portal's sign-in, with its rate limits, guards the admin as well.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
