"""The product: generations from the request to the kept film."""

from django.apps import AppConfig


class GenerationsConfig(AppConfig):
    """Registers its system checks and background schedules' names."""

    name = "generations"
    verbose_name = "Films"

    def ready(self) -> None:
        """Import the checks, which register themselves."""
        import generations.checks  # noqa: F401
