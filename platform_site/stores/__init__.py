"""Where films and uploads are stored: a folder, or a bucket of any S3 store.

Both are Django storages that answer alike. They add `put`, which stores a file whole or not at
all, and raise `OSError` for everything that goes wrong. `bucket` is imported by Django only when
the settings name it: without S3 its library stays out of memory.
"""

from pathlib import Path
from typing import Protocol

from django.core.files import File


class Store(Protocol):
    """What the site asks of a storage; see the backends for what each promises."""

    def put(self, name: str, source: Path, *, content_type: str, ends: float) -> None: ...

    def open(self, name: str, mode: str = "rb") -> "File[bytes]": ...

    def save(self, name: str, content: "File[bytes]") -> str: ...

    def exists(self, name: str) -> bool: ...

    def size(self, name: str) -> int: ...

    def delete(self, name: str) -> None: ...
