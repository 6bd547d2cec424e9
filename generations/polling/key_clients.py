"""What a sweep knows of provider keys: clients, opened once, and how fast each may be asked."""

import time
from collections.abc import Collection, Mapping

import structlog
from django.core.cache import cache

from generations.models import ProviderKey
from generations.polling.congestion import CongestionWindow
from generations.provider_keys import client_for
from generations.vendors import ProviderClient, ProviderError

log = structlog.get_logger(__name__)

_REMEMBERED = 600  # seconds that a window outlives the sweep that learnt it


class KeyClients:
    """Clients and windows by provider key, for the minute that a sweep lasts."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._clients: dict[int, ProviderClient | ProviderError] = {}
        self._windows: dict[int, CongestionWindow] = {}

    def learn(self, ids: Collection[int]) -> None:
        """Open those keys that are new to this sweep, and recall how fast they may be asked."""
        unknown = set(ids) - self._clients.keys()
        if not unknown:
            return
        for key in ProviderKey.objects.filter(pk__in=unknown):
            try:
                self._clients[key.pk] = client_for(key)
            except ProviderError as error:
                log.warning("key_not_polled", provider_key=key.pk, problem=error.message)
                self._clients[key.pk] = error
        remembered = cache.get_many([_name(pk) for pk in unknown])
        for pk in unknown:
            self._windows[pk] = remembered.get(_name(pk)) or CongestionWindow()

    def client(self, pk: int) -> ProviderClient | None:
        """Return a learnt key's client; None for one that does not open."""
        client = self._clients[pk]
        return None if isinstance(client, ProviderError) else client

    def most_of(self, pk: int) -> int:
        """Return how many requests of a learnt key may be in progress: none while it rests."""
        window = self._windows[pk]
        return 0 if window.rests(time.time()) else window.most

    def without_room(self, in_progress: Mapping[int, int]) -> list[int]:
        """Return the keys of which no more may be asked, by how many are `in_progress`."""
        return [pk for pk in self._windows if in_progress.get(pk, 0) >= self.most_of(pk)]

    def answered(self, pk: int) -> None:
        """Note that the vendor answered for this key."""
        self._windows[pk].answered()

    def throttled(self, pk: int, *, asked_ago: float) -> float | None:
        """Slow a key down, whose request of `asked_ago` seconds ago was one too many.

        Returns the seconds of its rest, or None when it rests for the same burst already.
        """
        window, now = self._windows[pk], time.time()
        if not window.throttled(asked_at=now - asked_ago, now=now):
            return None
        cache.set(_name(pk), window, _REMEMBERED)
        log.warning("key_polled_too_fast", provider_key=pk, rest=window.rest, at_once=window.most)
        return window.rest


def _name(pk: int) -> str:
    return f"poll-congestion:{pk}"
