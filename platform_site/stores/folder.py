"""Files in a folder, which appear whole or not at all and survive a power cut."""

import os
import secrets
from pathlib import Path

from django.core.files.storage import FileSystemStorage

from platform_site.stores.clock import in_time

_COPY_BYTES = 1024 * 1024


class FolderStore(FileSystemStorage):
    """Django's storage of files in a folder, with `put`."""

    def put(self, name: str, source: Path, *, content_type: str, ends: float) -> None:
        """Store a copy of `source` under `name`; what was there before is replaced.

        Raises `OSError`, also when it is not done by `ends`, a moment of monotonic time: nothing
        is stored then, and what was there before still is.
        """
        target = Path(self.path(name))
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
        try:
            with source.open("rb") as reader, open(draft, "xb", opener=_private) as writer:
                while chunk := reader.read(_COPY_BYTES):
                    in_time(ends)
                    writer.write(chunk)
                writer.flush()
                # The vendor's link dies: what is said to be kept must outlive a power cut.
                os.fsync(writer.fileno())
            draft.replace(target)
            _sync_folder(target.parent)
        finally:
            draft.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
