"""The cache in the database, which says so when the database does not take a lock."""

from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import OperationalError, connections, router


class HonestDatabaseCache(DatabaseCache):
    """Django's, but for `add`, by which limits and locks are taken.

    The library answers "there already" where the database is busy or full: sign-in then told
    people that they had tried too often.
    """

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Store a value that is not there yet; return whether it was stored.

        Raises `OperationalError` when the database does not say.
        """
        troubles: list[OperationalError] = []

        def noting(execute: Callable[..., Any], *arguments: Any) -> Any:
            try:
                return execute(*arguments)
            except OperationalError as trouble:
                troubles.append(trouble)
                raise

        connection = connections[router.db_for_write(self.cache_model_class)]
        with connection.execute_wrapper(noting):
            is_stored = super().add(key, value, timeout, version)
        if troubles and not is_stored:
            raise troubles[0]
        return bool(is_stored)
