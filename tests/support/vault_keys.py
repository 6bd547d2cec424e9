"""Fresh keys for `VAULT_KEYS`."""

import base64
import os

from platform_site.secrets.cipher import KEY_BYTES


def generate_key() -> str:
    """Return a fresh random key as base64url text, to stand behind an id and a colon."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode("ascii")
