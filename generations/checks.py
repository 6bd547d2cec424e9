"""Judge what only this app can: that the folders films go to can be written."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def data_dir_is_writable(**_kwargs: Any) -> list[CheckMessage]:
    """E010: a film that cannot be written is lost when its link dies."""
    folder = settings.DATA_DIR
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        hint = "Set DATA_DIR to a folder that this process may write to."
        return [Error(f"DATA_DIR {folder} is not writable.", hint=hint, id="dailies.E010")]
    return []
