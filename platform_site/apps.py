"""The site itself as an app: foundations, beats and the supervisor's command."""

from django.apps import AppConfig


class PlatformSiteConfig(AppConfig):
    """Registers the system checks."""

    name = "platform_site"
    verbose_name = "Site"

    def ready(self) -> None:
        """Import the checks, which register themselves."""
        import platform_site.checks
        import platform_site.clusters.checks
        import platform_site.exposure  # noqa: F401
