"""The site's settings, with what `startproject` and DRF come with in place of the site's own."""

from platform_site.settings import *  # noqa: F403
from platform_site.settings import INSTALLED_APPS as _SITE_APPS

ROOT_URLCONF = "tests.bench.bare.urls"
# It insists on its middleware.
INSTALLED_APPS = [app for app in _SITE_APPS if not app.startswith("allauth")]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
