"""What a sweep knows of provider keys: clients, opened once, and how fast each may be asked."""

import time
from collections.abc import Collection, Mapping

import structlog
from django.core.cache import cache

from generations.models import ProviderKey
from generations.polling.congestion import Pace
from generations.provider_keys.service import client_for
from generations.vendors.aivideoapi.client import ProviderClient
from generations.vendors.base import ProviderError

log = structlog.get_logger(__name__)

_REMEMBERED = 600  # seconds that a pace outlives the sweep that learnt it


class KeysInUse:
    """Clients and paces by provider key, for the minute that a sweep lasts."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._clients: dict[int, ProviderClient | ProviderError] = {}
        self._paces: dict[int, Pace] = {}

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
            self._paces[pk] = remembered.get(_name(pk)) or Pace()

    def client(self, pk: int) -> ProviderClient | None:
        """Return a learnt key's client; None for one that does not open."""
        client = self._clients[pk]
        return None if isinstance(client, ProviderError) else client

    def most_of(self, pk: int) -> int:
        """Return how many questions of a learnt key may be under way."""
        return self._paces[pk].most

    def without_room(self, under_way: Mapping[int, int]) -> list[int]:
        """Return the keys of which no more may be asked, by how many are `under_way`."""
        now = time.time()
        return [
            pk
            for pk, pace in self._paces.items()
            if pace.rests(now) or under_way.get(pk, 0) >= pace.most
        ]

    def answered(self, pk: int) -> None:
        """Note that the vendor answered for this key."""
        self._paces[pk].answered()

    def turned_away(self, pk: int, *, asked_ago: float) -> float | None:
        """Slow a key down, whose question of `asked_ago` seconds ago was one too many.

        Returns the seconds of its rest, or None when it rests for the same burst already.
        """
        pace, now = self._paces[pk], time.time()
        if not pace.turned_away(asked_at=now - asked_ago, now=now):
            return None
        cache.set(_name(pk), pace, _REMEMBERED)
        log.warning("key_polled_too_fast", provider_key=pk, rest=pace.rest, at_once=pace.most)
        return pace.rest


def _name(pk: int) -> str:
    return f"poll-pace:{pk}"
