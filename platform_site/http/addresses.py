"""Judge addresses and URLs without touching the network.

Pure functions over the standard library. They answer three questions: is this IP address one
the public internet routes, whose address is behind a chain of proxies, and does a URL somebody
gave us name a place we must not be sent to (P31). No name is resolved here: a name that
*resolves* to a private address is caught when connecting, in ``platform_site.http``.

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates),
RFC 3986 for URLs, RFC 6761 and RFC 8375 for special names, the WHATWG URL standard for what
counts as an address written oddly ("ends in a number").
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import NamedTuple
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL_LENGTH = 2_048
DEFAULT_PORTS = {"http": 80, "https": 443}

_REFUSED_V4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "an unspecified"),
        ("10.0.0.0/8", "a private"),
        ("100.64.0.0/10", "a carrier-grade NAT"),
        ("127.0.0.0/8", "a loopback"),
        # Azure's metadata and wire server answers here although the range is public.
        ("168.63.129.16/32", "a cloud metadata"),
        ("169.254.0.0/16", "a link-local"),
        ("172.16.0.0/12", "a private"),
        ("192.0.0.0/24", "a reserved"),
        ("192.0.2.0/24", "a documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "a private"),
        ("198.18.0.0/15", "a benchmarking"),
        ("198.51.100.0/24", "a documentation"),
        ("203.0.113.0/24", "a documentation"),
        ("224.0.0.0/4", "a multicast"),
        ("255.255.255.255/32", "a broadcast"),
        ("240.0.0.0/4", "a reserved"),
    )
)
_REFUSED_V6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "an unspecified"),
        ("::1/128", "a loopback"),
        ("64:ff9b:1::/48", "a private NAT64"),
        ("2001::/32", "a Teredo"),
        ("2001::/23", "a reserved"),
        ("2001:db8::/32", "a documentation"),
        ("2002::/16", "a 6to4"),
        ("3fff::/20", "a documentation"),
        ("fc00::/7", "a private"),
        ("fe80::/10", "a link-local"),
        ("fec0::/10", "a private"),
        ("ff00::/8", "a multicast"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

# Names that resolve to this machine or this network, if they resolve at all.
_LOCAL_NAMES = (
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
)

_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[^:]*))?", re.DOTALL
)
_PORT = re.compile(r"[0-9]{1,5}")
_DOTTED_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


class UrlProblem(ValueError):
    """Say, in one sentence, why a URL is not acceptable."""


class Origin(NamedTuple):
    """Name what a URL points at: host in lower-case ASCII, without brackets or trailing dot."""

    scheme: str
    host: str
    port: int
    plain: bool
    """Whether the host was written as it is shown here, but for case."""


def unmapped(ip: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped IPv6 one (``::ffff:a.b.c.d``), else ``ip``."""
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def address_kind(ip: str | Address) -> str | None:
    """Return why an address is not public ("a loopback", "a private"), or None when it is.

    IPv6 is judged by what is allowed, not by what is refused: only global unicast (2000::/3)
    without its special blocks, IPv4-mapped addresses of public IPv4 ones, and NAT64
    (64:ff9b::/96, RFC 6052) around public IPv4 ones, which IPv6-only hosts need. 6to4 and
    Teredo are refused whole: both are retired and carry an IPv4 address of anyone's choice.

    Raises:
        ValueError: ``ip`` is text that is no address.
    """
    if isinstance(ip, str):
        ip = ipaddress.ip_address(ip)
    if isinstance(ip, IPv6Address) and ip.scope_id is not None:
        return "a zone-scoped"
    ip = unmapped(ip)
    if isinstance(ip, IPv4Address):
        return next((kind for network, kind in _REFUSED_V4 if ip in network), None)
    if ip in _NAT64:
        return address_kind(IPv4Address(int(ip) & 0xFFFFFFFF))
    for network, kind in _REFUSED_V6:
        if ip in network:
            return kind
    return None if ip in _GLOBAL_UNICAST else "a reserved"


def is_public(ip: str | Address) -> bool:
    """Return whether an address is one the public internet routes; see `address_kind`.

    Raises:
        ValueError: ``ip`` is text that is no address.
    """
    return address_kind(ip) is None


def parse_networks(cidrs: Iterable[str]) -> tuple[Network, ...]:
    """Parse CIDR blocks; a bare address is a block of one.

    Raises:
        ValueError: An entry is no network, or has host bits set (``10.0.0.1/8``), which is
            more often a slip than meant.
    """
    return tuple(ipaddress.ip_network(cidr.strip(), strict=True) for cidr in cidrs)


def in_networks(ip: str | Address | None, networks: Sequence[Network]) -> bool:
    """Return whether an address lies in one of the networks. None and junk lie in none.

    An IPv4-mapped IPv6 address counts as its IPv4 address.
    """
    address = _forwarded_address(ip) if isinstance(ip, str) else ip
    if address is None:
        return False
    address = unmapped(address)
    return any(address in network for network in networks)


def client_ip(
    remote_addr: str, x_forwarded_for: str | None, trusted_proxies: Sequence[Network]
) -> str | None:
    """Return the address of whoever is really calling.

    Each proxy appends the peer it saw to X-Forwarded-For, so the list is true from the right
    up to, and including, the first address that is not a trusted proxy of ours; everything
    left of that is the caller's own invention. A peer that is not trusted is the client.

    Args:
        remote_addr: The socket's peer (``REMOTE_ADDR``).
        x_forwarded_for: The header's value, several headers joined by commas; may be None.
        trusted_proxies: Networks from `parse_networks`.

    Returns:
        The address in canonical text, IPv4-mapped IPv6 as IPv4. A junk entry ends the walk at
        the last trustworthy address. None when the peer has no address (a Unix socket).
    """
    client = _forwarded_address(remote_addr)
    if client is None:
        return None
    for entry in reversed((x_forwarded_for or "").split(",")):
        if not in_networks(client, trusted_proxies):
            break
        forwarded = _forwarded_address(entry)
        if forwarded is None:
            break
        client = forwarded
    return str(client)


def _forwarded_address(text: str) -> Address | None:
    """Parse an address, with or without the port that some proxies append."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        # A zone names an interface of whoever wrote it, and says nothing about the client.
        return unmapped(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


@lru_cache(maxsize=64)
def allowed_targets(entries: frozenset[str]) -> frozenset[tuple[str, int]]:
    """Parse ``host:port`` exemptions (``OUTBOUND_ALLOW``); IPv6 is written ``[::1]:8000``.

    Raises:
        ValueError: An entry is not a host and a port.
    """
    targets = set()
    for entry in entries:
        match = _AUTHORITY.fullmatch(entry.strip().lower())
        port = match["port"] if match else None
        if match is None or port is None or not _PORT.fullmatch(port):
            raise ValueError(f"{entry!r} is not host:port.")
        host = str(IPv6Address(match["v6"])) if match["v6"] else match["name"].rstrip(".")
        targets.add((host, int(port)))
    return frozenset(targets)


def literal_address_problem(
    url: str, *, allow: frozenset[str] = frozenset(), max_length: int = MAX_URL_LENGTH
) -> str | None:
    """Say why a URL from outside may not be used, or None when nothing speaks against it yet.

    This is the check at admission: it asks no DNS, so it also passes names that will be refused
    when connecting. It refuses whatever a resolver would take for an address that is not
    public, however it is written, every odd spelling of any address (parsers disagree about
    ``0177.0.0.1``), names of this machine or network, and names without a dot.

    Args:
        url: The URL as it was given.
        allow: ``host:port`` exemptions from the rules about addresses and local names. The
            rules about the URL's shape hold for them too.
        max_length: Longest URL taken, in characters.

    Returns:
        A sentence for a person naming the reason, or None. It never repeats path or query.
    """
    try:
        origin = url_origin(url, max_length=max_length)
        if (origin.host, origin.port) not in allowed_targets(allow):
            _check_host(origin)
    except UrlProblem as problem:
        return str(problem)
    return None


@lru_cache(maxsize=256)
def is_within_reach(url: str, *, of: str) -> bool:
    """Return whether whoever answers at the URL `of` may reach `url`: as far as can be told without
    asking the network, `url` is public, or the two are in a private network together.
    """
    return literal_address_problem(url) is None or literal_address_problem(of) is not None


def url_origin(url: str, *, max_length: int = MAX_URL_LENGTH) -> Origin:
    """Read scheme, host and port out of a URL, strictly.

    Raises:
        UrlProblem: The URL is too long, has invisible characters or backslashes, is not http or
            https, carries a user or password, or its host or port is malformed.
    """
    if len(url) > max_length:
        raise UrlProblem(f"The URL is longer than {max_length:,} characters.")
    if "\\" in url or " " in url or not url.isprintable():
        raise UrlProblem("The URL contains spaces, invisible characters or backslashes.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UrlProblem("The URL cannot be read.") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise UrlProblem("The URL must start with http:// or https://.")
    if "@" in parts.netloc:
        raise UrlProblem("The URL must not carry a user name or password.")
    match = _AUTHORITY.fullmatch(parts.netloc)
    if match is None:
        raise UrlProblem("The URL has no valid host.")
    port = _port(match["port"], DEFAULT_PORTS[parts.scheme])
    if match["v6"] is not None:
        return Origin(parts.scheme, _ipv6_host(match["v6"]), port, plain=True)
    host = _ascii_host(match["name"])
    return Origin(parts.scheme, host, port, plain=host == match["name"].lower())


def _port(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not _PORT.fullmatch(text) or not 1 <= int(text) <= 65_535:
        raise UrlProblem("The URL's port is not a number from 1 to 65535.")
    return int(text)


def _ipv6_host(text: str) -> str:
    if "%" in text:
        raise UrlProblem("The URL's address carries a zone id, which only this machine knows.")
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise UrlProblem("The URL's host in brackets is not an IPv6 address.") from None


def _ascii_host(name: str) -> str:
    """Fold a host the way resolvers and browsers do: NFKC, dots of every script, IDNA."""
    if "%" in name:
        raise UrlProblem("The URL's host is percent-encoded.")
    folded = unicodedata.normalize("NFKC", name).replace("\u3002", ".").lower()
    if not folded.isascii():
        try:
            folded = folded.encode("idna").decode("ascii")
        except UnicodeError:
            raise UrlProblem("The URL's host is not a valid name.") from None
    host = folded.removesuffix(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise UrlProblem("The URL's host is not a valid name.")
    return host


def _check_host(origin: Origin) -> None:
    """Raise UrlProblem unless the host is a public address or may be a public name."""
    host = origin.host
    if ":" in host:
        _check_address(IPv6Address(host))
    elif _NUMBER.fullmatch(host.rpartition(".")[2]):
        _check_numeric_host(host, plain=origin.plain)
    elif any(host == name or host.endswith(f".{name}") for name in _LOCAL_NAMES):
        raise UrlProblem(f"The URL's host {host} names this machine or a private network.")
    elif "." not in host:
        raise UrlProblem(f"The URL's host {host} has no dot, so it is not a public name.")


def _check_address(ip: Address) -> None:
    kind = address_kind(ip)
    if kind is not None:
        raise UrlProblem(f"The URL's host {ip} is {kind} address; we connect only to public ones.")


def _check_numeric_host(host: str, *, plain: bool) -> None:
    """Judge a host that a resolver reads as an IPv4 address (no top-level domain is a number)."""
    if _DOTTED_DECIMAL.fullmatch(host):
        try:
            _check_address(IPv4Address(host))
        except ipaddress.AddressValueError:
            raise UrlProblem(f"The URL's host {host} is not a valid address.") from None
        if plain:
            return
    raise UrlProblem(f"The URL's host {host} is an address written in an unusual form.")
