"""The product: generations from the request to the kept film."""

from django.apps import AppConfig


class GenerationsConfig(AppConfig):
    """Registers its system checks, and how the vendors' keys look (P33)."""

    name = "generations"
    verbose_name = "Films"

    def ready(self) -> None:
        """Import the checks, which register themselves, and have the vendors' keys masked."""
        import generations.checks  # noqa: F401
        from generations.vendors import mask_vendor_keys

        mask_vendor_keys()
