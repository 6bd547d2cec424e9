"""Facts about an incoming request that more than one border needs."""

from functools import lru_cache
from typing import Protocol

from django.conf import settings

from platform_site.http.addresses import Network, client_ip, in_networks, parse_networks

# In the environment of a request whose body was not read.
UNREAD = "dailies.unread"


class HasMeta(Protocol):
    """Django's and DRF's requests alike."""

    META: dict[str, str]


def client_address(request: HasMeta) -> str:
    """Return the caller's IP, seen through the trusted proxies only; "" when it is unknown."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    proxies = _networks(tuple(settings.TRUSTED_PROXIES))
    return client_ip(request.META.get("REMOTE_ADDR", ""), forwarded, proxies) or ""


def is_unread(request: HasMeta) -> bool:
    """Return whether the web server left the body unread, because its head was refused."""
    return UNREAD in request.META


def is_from_trusted_proxy(request: HasMeta) -> bool:
    """Return whether the peer itself is a proxy whose word about its clients counts."""
    proxies = _networks(tuple(settings.TRUSTED_PROXIES))
    return in_networks(request.META.get("REMOTE_ADDR", ""), proxies)


def actor_request_id(request: HasMeta) -> str:
    """Return the id that the request middleware gave this request."""
    return request.META.get("HTTP_X_REQUEST_ID", "")


@lru_cache(maxsize=4)
def _networks(entries: tuple[str, ...]) -> tuple[Network, ...]:
    return parse_networks(entries)
