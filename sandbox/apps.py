"""Let Django find the `sandbox` management command."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Register the package with Django; it has no models, no URLs and no signals."""

    name = "sandbox"
    verbose_name = "Sandbox vendor"
