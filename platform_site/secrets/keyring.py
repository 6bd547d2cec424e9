"""The installation's keyring, read from `VAULT_KEYS` once."""

from functools import lru_cache

from django.conf import settings

from platform_site.secrets.cipher import Keyring


def site_keyring() -> Keyring:
    """Return the keys that seal this installation's secrets. Raises `InvalidKeyring`."""
    return _parsed(settings.VAULT_KEYS)


@lru_cache(maxsize=4)
def _parsed(keys: str) -> Keyring:
    return Keyring.parse(keys)
