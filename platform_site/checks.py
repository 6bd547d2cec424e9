"""Judge the configuration: each mistake has an id and a hint."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from platform_site.environment import problems
from platform_site.http.addresses import UrlProblem, allowed_targets, parse_networks, url_origin
from platform_site.secrets.cipher import CipherError, Keyring
from platform_site.stores.settings import ADDRESSINGS, S3, VARIABLES

# The tag of all our checks. Commands that run for long ask for these alone: Django's own load every
# page of the site, which a worker never needs and would carry along.
OURS = "dailies"


@register(Tags.security, OURS)
def vault_keys_parse(**_kwargs: Any) -> list[CheckMessage]:
    """E001: the vault must have a keyring."""
    try:
        Keyring.parse(settings.VAULT_KEYS)
    except CipherError as error:
        hint = "VAULT_KEYS is id:base64key[,id:base64key…]; keys are 32 bytes, the first encrypts."
        return [Error(f"VAULT_KEYS: {error}", hint=hint, id="dailies.E001")]
    return []


@register(OURS)
def urls_parse(**_kwargs: Any) -> list[CheckMessage]:
    """E002: origins must be origins. Of PUBLIC_URL the whole: a path would be in half of the links
    only, and a user in all of them.
    """
    found: list[CheckMessage] = []
    for name in ("PUBLIC_URL", "PROVIDER_URL", "SANDBOX_URL"):
        url = getattr(settings, name)
        if name == "PROVIDER_URL" and not url:
            continue
        problem = _origin_problem(url, path=name != "PUBLIC_URL")
        if problem:
            hint = f"Set {name} to something like https://dailies.example.com"
            found.append(Error(f"{name}: {problem}", hint=hint, id="dailies.E002"))
    return found


def _origin_problem(url: str, *, path: bool) -> str | None:
    try:
        url_origin(url)
    except UrlProblem as problem:
        return str(problem)
    parts = urlsplit(url)
    if parts.query or parts.fragment or "?" in url or "#" in url:
        return "It has a query or a fragment."
    if parts.path.strip("/") and not path:
        return f"It has a path, /{parts.path.strip('/')}: the site answers at the root of its host."
    return None


@register(OURS)
def networks_parse(**_kwargs: Any) -> list[CheckMessage]:
    """E003: lists of hosts and networks must parse."""
    found: list[CheckMessage] = []
    try:
        parse_networks(settings.TRUSTED_PROXIES)
    except ValueError as error:
        hint = "TRUSTED_PROXIES is a comma-separated list of IPs or CIDRs."
        found.append(Error(f"TRUSTED_PROXIES: {error}", hint=hint, id="dailies.E003"))
    try:
        allowed_targets(frozenset(settings.OUTBOUND_ALLOW))
    except ValueError as error:
        hint = "OUTBOUND_ALLOW is a comma-separated list of host:port."
        found.append(Error(f"OUTBOUND_ALLOW: {error}", hint=hint, id="dailies.E003"))
    return found


@register(OURS)
def environment_parses(**_kwargs: Any) -> list[CheckMessage]:
    """E004: a variable that cannot be read must not quietly mean its default."""
    hint = "See .env.example for what it may be."
    return [
        Error(f"{name}: {reason}", hint=hint, id="dailies.E004")
        for name, reason in problems.items()
    ]


@register(OURS)
def s3_is_whole(**_kwargs: Any) -> list[CheckMessage]:
    """E020: a bucket that is only half described would lose films to a folder, or to nobody."""
    s3: S3 = settings.S3
    said = [name for field, name in VARIABLES.items() if getattr(s3, field)]
    endpoint = urlsplit(s3.endpoint_url)
    is_address = endpoint.scheme in {"http", "https"} and endpoint.hostname
    mistakes = [
        (
            said and not s3.bucket,
            f"{', '.join(said)} without S3_BUCKET.",
            "Set S3_BUCKET, or none of the S3_ variables to store films in DATA_DIR.",
        ),
        (
            bool(s3.access_key_id) != bool(s3.secret_access_key),
            "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together.",
            "Set both, or neither to use a role or profile of the machine.",
        ),
        (
            s3.endpoint_url and not is_address,
            "S3_ENDPOINT_URL is not an http(s) address.",
            "Set it to something like https://s3.example.com, or leave it empty for Amazon's.",
        ),
        (
            s3.addressing not in {"", *ADDRESSINGS},
            f"S3_ADDRESSING is not one of {', '.join(ADDRESSINGS)}.",
            "Leave it empty unless your store wants buckets in its host names: then virtual.",
        ),
    ]
    return [Error(text, hint=hint, id="dailies.E020") for wrong, text, hint in mistakes if wrong]
