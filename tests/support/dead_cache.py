"""A cache that is away."""

from typing import Any

from django.core.cache.backends.base import BaseCache


class DeadCache(BaseCache):
    """Fails whatever it is asked, as a server that cannot be reached does."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        """Take the settings of a cache."""
        super().__init__(params)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Fail."""
        raise ConnectionError

    add = set = touch = delete = clear = get
