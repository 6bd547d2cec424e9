"""Judge how an installation that others can reach is protected: `check --deploy`."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004

from platform_site.http.addresses import Network, literal_address_problem, parse_networks

# A proxy's own network is small, or private; the largest that a provider of proxies lists is a /10.
_WIDEST = {4: 8, 6: 20}
_EVERYTHING = frozenset({"*", ".", ""})


@register(Tags.security, deploy=True)
def public_url_is_https(**_kwargs: Any) -> list[CheckMessage]:
    """W001: links and callbacks carry unguessable tokens, which plain HTTP shows to everybody."""
    if urlsplit(settings.PUBLIC_URL).scheme != "https":
        hint = "Put a TLS proxy in front and set PUBLIC_URL to its https:// address."
        return [Warning("PUBLIC_URL is not https.", hint=hint, id="dailies.W001")]
    return []


@register(Tags.security, deploy=True)
def public_url_is_public(**_kwargs: Any) -> list[CheckMessage]:
    """W003: the vendor fetches frames from PUBLIC_URL, and calls it back there."""
    problem = literal_address_problem(settings.PUBLIC_URL)
    if problem is None:
        return []
    hint = "Set PUBLIC_URL to the address at which the internet reaches this site."
    words = f"The vendor cannot reach PUBLIC_URL, so uploads and callbacks do not work. {problem}"
    return [Warning(words, hint=hint, id="dailies.W003")]


@register(Tags.security, deploy=True)
def proxies_are_named(**_kwargs: Any) -> list[CheckMessage]:
    """W002: our server speaks no TLS, so behind https there is a proxy, which hides its clients."""
    if urlsplit(settings.PUBLIC_URL).scheme == "https" and not settings.TRUSTED_PROXIES:
        hint = (
            "Set TRUSTED_PROXIES to the addresses of the proxy, such as 10.0.0.5 or 172.18.0.0/16."
        )
        words = "No proxy is trusted, so limits and allow-lists see every client as one."
        return [Warning(words, hint=hint, id="dailies.W002")]
    return []


@register(Tags.security, deploy=True)
def proxies_are_few(**_kwargs: Any) -> list[CheckMessage]:
    """W004: whoever is trusted says what address it calls from, past limits and allow-lists."""
    try:
        networks = parse_networks(settings.TRUSTED_PROXIES)
    except ValueError:
        return []  # E003
    return [
        Warning(
            f"TRUSTED_PROXIES trusts {network}: strangers can claim any client address.",
            hint="List only the proxy's own addresses.",
            id="dailies.W004",
        )
        for network in networks
        if _is_wide(network)
    ]


@register(Tags.security, deploy=True)
def hosts_are_ours(**_kwargs: Any) -> list[CheckMessage]:
    """W005: links are made, and requests believed, by the host that a request names."""
    wide = [host for host in settings.ALLOWED_HOSTS if host.strip() in _EVERYTHING]
    if not wide:
        return []
    hint = "Leave ALLOWED_HOSTS empty for the host of PUBLIC_URL, or name each host."
    return [Warning("ALLOWED_HOSTS accepts every host.", hint=hint, id="dailies.W005")]


@register(Tags.security, deploy=True)
def keys_go_out_over_tls(**_kwargs: Any) -> list[CheckMessage]:
    """W006: over plain HTTP a provider key, or a bucket's, is anybody's on the way."""
    places = {
        "PROVIDER_URL": settings.PROVIDER_URL,
        "SANDBOX_URL": settings.SANDBOX_URL,
        "S3_ENDPOINT_URL": settings.S3.endpoint_url,
    }
    return [
        Warning(
            f"{name} is http: keys and films cross an open network unencrypted.",
            hint=f"Set {name} to an https:// address.",
            id="dailies.W006",
        )
        for name, url in places.items()
        if url and urlsplit(url).scheme == "http" and literal_address_problem(url) is None
    ]


@register(Tags.security, deploy=True)
def films_come_from_known_hosts(**_kwargs: Any) -> list[CheckMessage]:
    """W007: a film is fetched from wherever its link leads, if the list takes everything."""
    return [
        Warning(
            f"RESULT_HOSTS accepts films from {host or 'everywhere'}.",
            hint="Name the hosts that serve the vendor's films, or leave RESULT_HOSTS empty.",
            id="dailies.W007",
        )
        for host in settings.RESULT_HOSTS
        if _is_any_host(host)
    ]


@register(Tags.security, deploy=True)
def mails_are_sent(**_kwargs: Any) -> list[CheckMessage]:
    """W008: mails carry links that approve and reset; what is not sent is written down here."""
    if settings.EMAIL_HOST or literal_address_problem(settings.PUBLIC_URL) is not None:
        return []
    hint = (
        "Set EMAIL_URL to your mail server, such as smtp://user:password@mail.example:587/?tls=true"
    )
    words = "No mail is sent: mails, and the links in them, stay on this machine."
    return [Warning(words, hint=hint, id="dailies.W008")]


@register(Tags.security, deploy=True)
def debug_is_off(**_kwargs: Any) -> list[CheckMessage]:
    """W009: an error page with DEBUG shows settings and code to whoever causes it."""
    if settings.DEBUG:
        hint = "Unset DEBUG."
        return [Warning("DEBUG is on.", hint=hint, id="dailies.W009")]
    return []


def _is_wide(network: Network) -> bool:
    private = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
    if any(_is_within(network, ipaddress.ip_network(one)) for one in private):
        return False
    return network.prefixlen < _WIDEST[network.version]


def _is_within(network: Network, other: Network) -> bool:
    return (
        network.version == other.version
        and network.network_address in other
        and network.broadcast_address in other
    )


def _is_any_host(host: str) -> bool:
    """Return whether an entry stands for everything, or for all of a top-level domain."""
    name = host.strip().rstrip(".")
    return name in _EVERYTHING or "*" in name or (name.startswith(".") and "." not in name[1:])
