"""The vault: the only place that seals and opens upstream keys.

Secrets are AES-256-GCM tokens bound to their row, so that a token copied into another row does not
open. They leave the vault only as `Secret`, which cannot be printed.
"""

from generations.models import ProviderKey
from platform_site.secrets.cipher import Secret
from platform_site.secrets.keyring import site_keyring


def seal(provider_key: ProviderKey, secret: str) -> str:
    """Return the token that stores `secret` on this (saved) row."""
    return site_keyring().encrypt(secret, _bound_to(provider_key))


def reveal(provider_key: ProviderKey) -> Secret:
    """Open the row's secret. Raises `UnknownKey` or `Undecryptable`."""
    return site_keyring().decrypt(provider_key.secret_token, _bound_to(provider_key))


def needs_rotation(provider_key: ProviderKey) -> bool:
    """Return whether the row is sealed with an older key than the current one."""
    return site_keyring().needs_rotation(provider_key.secret_token)


def rotated(provider_key: ProviderKey) -> str:
    """Return the row's token sealed anew with the current key."""
    return site_keyring().rotate(provider_key.secret_token, _bound_to(provider_key))


def _bound_to(provider_key: ProviderKey) -> str:
    return f"generations_providerkey:secret_token:{provider_key.pk}"
