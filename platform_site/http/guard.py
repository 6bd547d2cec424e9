"""Connect only to where we mean to: the guard under every request to a URL from outside (P31).

A check before the request is not enough: the name may resolve differently a moment later (DNS
rebinding), and a redirect names a new host. So the guard sits where connections are opened. It
resolves a name once, refuses unless *every* address is public, and connects to an address it
has checked. TLS (SNI and the certificate) and the Host header keep the name.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore
import httpx

from platform_site.http.addresses import (
    address_kind,
    allowed_targets,
    literal_address_problem,
)

Resolve = Callable[[str, int], Sequence[str]]

DEFAULT_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
MAX_CONNECTIONS = 5
# Percent-encoding can triple a URL that was admitted, and signed links are long.
MAX_SENT_URL_LENGTH = 16_384
USER_AGENT = "Dailies"

_deadline: ContextVar[float | None] = ContextVar("http_deadline", default=None)


class AddressRefused(httpx.ConnectError):
    """Refuse to connect: the address is not public and not exempt.

    It is a ConnectError because it is one in the way that matters: nothing was sent.

    Attributes:
        reason: One sentence naming host and kind of address; never the path or query.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def provably_unsent(error: BaseException) -> bool:
    """Return whether an error proves that no byte of the request left this machine.

    True for a malformed URL, a refused address, a name that did not resolve, a failed or
    timed-out connection or TLS handshake, and no free connection in the pool. Any other error
    may have come after the other side read the request.
    """
    return isinstance(
        error,
        (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.InvalidURL,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ),
    )


@contextmanager
def total_deadline(seconds: float) -> Iterator[None]:
    """Bound everything a `GuardedClient` does inside the block, in seconds of monotonic time.

    httpx's timeouts bound single reads, so a peer that sends one byte at a time holds a thread
    forever. The guard's streams shorten every wait to what is left and then raise httpx's own
    ConnectTimeout, WriteTimeout or ReadTimeout. An outer deadline stays in force. Resolving a
    name is bounded by the system's resolver only.
    """
    end = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(end if outer is None else min(end, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


def system_resolve(host: str, port: int) -> Sequence[str]:
    """Return every address of a host as text, in the system's order of preference.

    Raises:
        OSError: The name does not resolve.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in answers))


class GuardedBackend(httpcore.NetworkBackend):
    """Open TCP connections to checked addresses only."""

    def __init__(self, *, allow: frozenset[str], resolve: Resolve) -> None:
        """Keep the exemptions (``host:port``) and the function that resolves names.

        Raises:
            ValueError: An exemption is not ``host:port``.
        """
        self._allowed = allowed_targets(allow)
        self._resolve = resolve
        self._connector = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve once, check every address, connect to the first that answers.

        The timeout covers all tries together, each getting an equal part of what is left, so
        that one black hole does not eat the time of the next address.

        Raises:
            AddressRefused: One of the addresses is not public and the target is not exempt.
            httpcore.ConnectError: The name does not resolve, or no address answered.
            httpcore.ConnectTimeout: No address answered in time.
        """
        addresses = self._checked_addresses(host, port)
        timeout = _time_left(timeout, httpcore.ConnectTimeout)
        end = None if timeout is None else time.monotonic() + timeout
        error: Exception | None = None
        for tries_left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = None if end is None else max(0.001, (end - time.monotonic()) / tries_left)
            try:
                stream = self._connector.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failure:
                error = failure
            else:
                return _DeadlineStream(stream)
        raise error or httpcore.ConnectError(f"{host} has no address.")

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Refuse: a socket file is never a place outside."""
        raise AddressRefused("We do not connect to socket files.")

    def _checked_addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            host = str(ipaddress.ip_address(host))
            addresses: Sequence[str] = [host]
        except ValueError:
            addresses = self._resolved(host, port)
        if (host.lower().rstrip("."), port) in self._allowed:
            return addresses
        for address in addresses:
            kind = address_kind(address)
            if kind is not None:
                raise AddressRefused(f"{host} is {kind} address ({address}); it is not reached.")
        return addresses

    def _resolved(self, host: str, port: int) -> Sequence[str]:
        try:
            return self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} does not resolve.") from error


class _DeadlineStream(httpcore.NetworkStream):
    """Keep a connection's every wait within `total_deadline`."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _time_left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _time_left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        timeout = _time_left(timeout, httpcore.ConnectTimeout)
        return _DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _time_left(timeout: float | None, expired: type[Exception]) -> float | None:
    """Shorten a wait in seconds to the deadline, or raise ``expired`` when it has passed."""
    end = _deadline.get()
    if end is None:
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise expired("The total deadline has passed.")
    return left if timeout is None else min(left, timeout)


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own transport on a pool whose connections the guard opens."""

    def __init__(
        self,
        *,
        allow: frozenset[str],
        verify: ssl.SSLContext,
        resolve: Resolve,
        limits: httpx.Limits,
    ) -> None:
        super().__init__(verify=verify, trust_env=False, limits=limits)
        self._allow = allow
        # httpx offers no way to hand over a backend; the pool made above has opened nothing yet.
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedBackend(allow=allow, resolve=resolve),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; redirects are the caller's to follow, unreadable ones are dropped.

        Raises:
            AddressRefused: The URL's form or its host is refused; nothing was sent.
            httpx.TransportError: As httpx raises it.
        """
        problem = literal_address_problem(
            str(request.url), allow=self._allow, max_length=MAX_SENT_URL_LENGTH
        )
        if problem is not None:
            raise AddressRefused(problem)
        timeouts = request.extensions.get("timeout", {})
        pool_wait = _time_left(timeouts.get("pool"), httpx.PoolTimeout)
        request.extensions = {**request.extensions, "timeout": {**timeouts, "pool": pool_wait}}
        response = super().handle_request(request)
        # httpx reads Location even when it follows nothing, and would lose the answer over it.
        location = response.headers.get("location")
        if location is not None and not _is_readable(request.url, location):
            del response.headers["location"]
        return response


def _is_readable(current: httpx.URL, location: str) -> bool:
    try:
        # Asking for the host decodes its IDNA form, which fails late and with another error.
        _ = current.join(location).host
    except (httpx.InvalidURL, ValueError):
        return False
    return True


class GuardedClient(httpx.Client):
    """A client made by `guarded_client`. Functions that need the guard ask for this type."""


@lru_cache(maxsize=1)
def shared_ssl_context() -> ssl.SSLContext:
    """Return the process's one TLS context: loading the certificates costs milliseconds.

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` are honoured, so that an operator can add an
    authority of their own.
    """
    return httpx.create_ssl_context()


def guarded_client(
    *,
    allow: frozenset[str] = frozenset(),
    timeout: httpx.Timeout | float = DEFAULT_TIMEOUT,
    verify: ssl.SSLContext | None = None,
    max_connections: int = MAX_CONNECTIONS,
    resolve: Resolve = system_resolve,
) -> GuardedClient:
    """Make a client for URLs that came from outside. The caller closes it.

    It follows no redirects, reads no proxies or credentials from the environment, keeps no
    cookies, asks for no compression (a small body could unpack to a huge one) and has a small
    pool: large ones cost milliseconds a request in bookkeeping.

    Args:
        allow: ``host:port`` targets that may be anywhere, private networks included.
        timeout: Seconds for each wait (connect, write, read, free connection), not in total;
            see `total_deadline`.
        verify: TLS context; the process's shared one when None. There is no way to skip checks.
        max_connections: Pool size. One client a thread with a small pool is the fast shape.
        resolve: Stand-in for the system's resolver.

    Raises:
        ValueError: An entry of ``allow`` is not ``host:port``.
    """
    limits = httpx.Limits(
        max_connections=max_connections,
        max_keepalive_connections=max_connections,
        keepalive_expiry=30.0,
    )
    transport = GuardedTransport(
        allow=allow, verify=verify or shared_ssl_context(), resolve=resolve, limits=limits
    )
    return GuardedClient(
        transport=transport,
        timeout=timeout,
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": USER_AGENT, "accept-encoding": "identity"},
    )
