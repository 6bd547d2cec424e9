"""The admin's pages about films, and whatever needs the whole product to be understood."""

from generations.admin import (
    approvals,
    films,
    generations,
    limits,
    models,
    provider_keys,
    rates,
    retention,
    usage_samples,
)

__all__ = [
    "approvals",
    "films",
    "generations",
    "limits",
    "models",
    "provider_keys",
    "rates",
    "retention",
    "usage_samples",
]
