"""How long the vendor's link to a film lives."""

from datetime import timedelta

from generations.models import Generation
from generations.vendors import vendor_named


def link_life_of(generation: Generation) -> timedelta:
    """Return how long the vendor's links to its film live."""
    return vendor_named(generation.provider_key.vendor).link_life
