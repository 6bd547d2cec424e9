"""Fetch the images of a request without being led to private places."""

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

MOST_BYTES: Final = 30 * 1024 * 1024
FETCH_SECONDS: Final = 10.0
_MOST_REDIRECTS: Final = 3
_CHUNK: Final = 256 * 1024


class ImageError(Exception):
    """Say why an image cannot be used; the text is meant for the task's error."""


class PublicResolver(AbstractResolver):
    """Resolve once, and only to public addresses: aiohttp connects to what this returns."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return every address of `host`; raise OSError when one of them is not public."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        for *_, address in found:
            if not is_public(str(address[0])):
                raise OSError(None, "the address is not public")
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=found_family,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found_family, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Hold nothing that needs closing."""


def is_public(address: str) -> bool:
    """Say whether a literal address is on the public Internet, looking through IPv6 wrappings."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # A private IPv4 address may hide in a mapped, 6to4, Teredo or NAT64 one.
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner and not is_public(str(inner)):
            return False
    return ip.is_global and not ip.is_multicast


async def fetch_image(url: str, target: Path, trusted: Collection[URL]) -> None:
    """Save the body of `url` in `target`; raise ImageError for anything but a 200 within limits.

    Origins in `trusted` may be private. At most MOST_BYTES in FETCH_SECONDS, over at most three
    redirects, each checked like the first address.
    """
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            await _follow(URL(url), target, trusted)
    except TimeoutError:
        raise ImageError("The image took too long to download.") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise ImageError("The image could not be downloaded.") from None


async def _follow(url: URL, target: Path, trusted: Collection[URL]) -> None:
    for _ in range(_MOST_REDIRECTS + 1):
        moved_to = await _fetch_once(url, target, trusted)
        if moved_to is None:
            return
        url = url.join(URL(moved_to))
    raise ImageError("The image address redirects too often.")


async def _fetch_once(url: URL, target: Path, trusted: Collection[URL]) -> str | None:
    """Save a 200's body, or return where a redirect points."""
    connector = aiohttp.TCPConnector(resolver=_resolver_for(url, trusted))
    async with (
        aiohttp.ClientSession(connector=connector, trust_env=False) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status in (301, 302, 303, 307, 308) and "Location" in response.headers:
            return response.headers["Location"]
        if response.status != 200:
            raise ImageError(f"The image address answered {response.status}.")
        await _save(response, target)
    return None


def _resolver_for(url: URL, trusted: Collection[URL]) -> AbstractResolver:
    if url.scheme not in ("http", "https") or url.host is None:
        raise ImageError("Only HTTP(S) image URLs are supported.")
    if url.origin() in trusted:
        return aiohttp.ThreadedResolver()
    # aiohttp never asks a resolver about a literal address.
    try:
        literal_is_public = is_public(url.host)
    except ValueError:
        literal_is_public = True
    if not literal_is_public:
        raise ImageError("Only public image URLs are supported.")
    return PublicResolver()


async def _save(response: aiohttp.ClientResponse, target: Path) -> None:
    size = 0
    with target.open("wb") as file:
        async for chunk in response.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > MOST_BYTES:
                raise ImageError("The image is larger than 30 MB.")
            file.write(chunk)
