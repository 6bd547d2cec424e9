"""The admin's pages about films, and whatever needs the whole product to be understood."""

from generations.admin import (
    approvals,
    films,
    generations,
    limits,
    meters,
    models,
    provider_keys,
    rates,
    retention,
    turns,
    webhooks,
)

__all__ = [
    "approvals",
    "films",
    "generations",
    "limits",
    "meters",
    "models",
    "provider_keys",
    "rates",
    "retention",
    "turns",
    "webhooks",
]
