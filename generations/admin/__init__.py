"""The admin's pages about films, and whatever needs the whole product to be understood."""

from generations.admin import films, generations, limits, models, provider_keys, webhooks

__all__ = ["films", "generations", "limits", "models", "provider_keys", "webhooks"]
