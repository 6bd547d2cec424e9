"""Judge what only this app can: that films can be written, and that its tasks fit their queues."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004

from generations.provider_keys import sealed_keys
from generations.vendors import SUBMIT_SECONDS
from platform_site.checks import OURS
from platform_site.clusters.queues import GRACE_SECONDS, MAIN_QUEUE, settings_of

# A transaction may wait this long for other writers (SQLite's timeout).
_WRITE_SECONDS = 20


@register(OURS)
def data_dir_is_writable(**_kwargs: Any) -> list[CheckMessage]:
    """E010: a film that cannot be written is lost when its link dies."""
    folder = settings.DATA_DIR
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        hint = "Set DATA_DIR to a folder that this process may write to."
        return [Error(f"DATA_DIR {folder} is not writable.", hint=hint, id="dailies.E010")]
    return []


@register(OURS)
def vault_opens(**_kwargs: Any) -> list[CheckMessage]:
    """E012, W012: with wrong VAULT_KEYS generations would be admitted, held and never sent.

    A single key that is lost must not stop the others.
    """
    opened = sealed_keys()
    closed = [pk for pk, is_open in opened.items() if not is_open]
    if not closed:
        return []
    hint = (
        "VAULT_KEYS must name every key that sealed something: look into secrets.env of the "
        "DATA_DIR where it was sealed. A provider key that is lost is deleted and vaulted again."
    )
    if len(closed) == len(opened):
        words = f"VAULT_KEYS opens none of {len(closed)} provider keys."
        return [Error(words, hint=hint, id="dailies.E012")]
    words = f"VAULT_KEYS does not open these provider keys: {closed}."
    return [Warning(words, hint=hint, id="dailies.W012")]


@register(OURS)
def posts_are_never_cut_off(**_kwargs: Any) -> list[CheckMessage]:
    """E011: whoever kills a POST to the vendor midway never learns whether it was accepted."""
    least = SUBMIT_SECONDS + _WRITE_SECONDS
    found: list[CheckMessage] = []
    timeout = settings_of(MAIN_QUEUE)["timeout"]
    if isinstance(timeout, int) and timeout < least:
        hint = f"Set Q_CLUSTER's 'timeout' to {least} or more."
        found.append(Error("The queue cuts off sends.", hint=hint, id="dailies.E011"))
    if least > GRACE_SECONDS:
        hint = f"Set GRACE_SECONDS in queues.py to {least} or more."
        found.append(Error("A stop cuts off sends.", hint=hint, id="dailies.E011"))
    return found
