"""Read the header by which a caller names their key."""

import re

from accounts.api_keys.service import KEY_START
from platform_site.text.visible import bare_secret

_USUAL = re.compile(rf"Bearer ({KEY_START}[A-Za-z0-9_-]+)")


def key_in_header(authorization: str) -> str:
    """Return the key in an `Authorization` header, "" where there is none.

    What surely is no part of it is ignored: quotes, a doubled or missing `Bearer`, and what cannot
    be seen, which servers hand on as Latin-1.
    """
    if usual := _USUAL.fullmatch(authorization):
        return usual.group(1)
    try:
        text = authorization.encode("latin-1").decode()
    except UnicodeError:
        text = authorization
    key = bare_secret(text)
    return key if key.startswith(KEY_START) else ""
