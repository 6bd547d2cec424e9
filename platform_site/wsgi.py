"""The web server's entry."""

import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from platform_site.environment import keep_private, problems

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "platform_site.settings")

application = get_wsgi_application()

keep_private()
# A web server runs no system checks, and must not serve with a default that nobody chose.
if problems:
    raise ImproperlyConfigured("; ".join(f"{name}: {why}" for name, why in problems.items()))
