"""API keys: made, shown once, switched off, found by what a caller sends."""

from accounts.api_keys.header import key_in_header
from accounts.api_keys.service import (
    KEY_PATTERN,
    KEY_START,
    LAST_DAY,
    TOO_FAR,
    authenticate_api_key,
    create_api_key,
    delete_api_key,
    set_enabled,
)

__all__ = [
    "KEY_PATTERN",
    "KEY_START",
    "LAST_DAY",
    "TOO_FAR",
    "authenticate_api_key",
    "create_api_key",
    "delete_api_key",
    "key_in_header",
    "set_enabled",
]
