"""The vault: the only place that seals and opens provider keys.

Secrets are AES-256-GCM tokens bound to their row, so that a token copied into another row does not
open. They leave the vault only as `Secret`, which cannot be printed.
"""

from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from generations.models import ProviderKey
from platform_site.secrets.cipher import CipherError, InvalidKeyring, Secret
from platform_site.secrets.keyring import site_keyring


def seal(provider_key: ProviderKey, secret: str) -> str:
    """Return the token that stores `secret` on this (saved) row."""
    return site_keyring().encrypt(secret, _bound_to(provider_key))


def reveal(provider_key: ProviderKey) -> Secret:
    """Open the row's secret. Raises `UnknownKey` or `Undecryptable`."""
    return site_keyring().decrypt(provider_key.secret_token, _bound_to(provider_key))


def opens(provider_key: ProviderKey) -> bool:
    """Return whether the row's secret opens with this installation's keys."""
    try:
        reveal(provider_key)
    except CipherError:
        return False
    return True


def sealed_keys() -> dict[int, bool]:
    """Return whether each key that has a secret opens here, by its id; nothing while there is no
    database, or where VAULT_KEYS cannot be read at all.
    """
    database = settings.DATABASES["default"]
    name = database.get("NAME")
    if database["ENGINE"].endswith("sqlite3") and not (name and Path(name).exists()):
        return {}  # asking would make one
    try:
        site_keyring()
        keys = list(ProviderKey.objects.exclude(secret_token="").order_by("pk"))
    except (DatabaseError, InvalidKeyring):
        return {}
    return {key.pk: opens(key) for key in keys}


def needs_rotation(provider_key: ProviderKey) -> bool:
    """Return whether the row is sealed with an older key than the current one."""
    return site_keyring().needs_rotation(provider_key.secret_token)


def rotated(provider_key: ProviderKey) -> str:
    """Return the row's token resealed with the current key."""
    return site_keyring().rotate(provider_key.secret_token, _bound_to(provider_key))


def _bound_to(provider_key: ProviderKey) -> str:
    return f"generations_providerkey:secret_token:{provider_key.pk}"
