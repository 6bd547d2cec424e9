"""Where pages find their style sheets and scripts, and how these are made ready to be served."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import structlog
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

log = structlog.get_logger(__name__)

_SOURCES = "sources.sha256"
# The highest, 11, takes thirty times as long for a tenth fewer bytes.
_BROTLI_QUALITY = 8


class QuickCompressor(Compressor):  # type: ignore[misc]  # untyped
    """The library's compressor, quick enough to run before the site starts."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        """Return the compressed bytes."""
        compressed: bytes = brotli.compress(data, quality=_BROTLI_QUALITY)
        return compressed


class StaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    """Hashed names once `collectstatic` has run; until then plain ones, which the finders serve.

    The library's own lenient mode opens the collected file all the same, and fails without it.
    """

    # Our scripts import each other by hashed names too. The library's own pattern would take for
    # imports what other packages' scripts have in comments.
    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("dailies/js/*.js", ((r'(?P<matched>from "(?P<url>\./[^"]+)")', 'from "%(url)s"'),)),
    )

    def stored_name(self, name: str) -> str:
        """Return the name that the page links to."""
        return str(super().stored_name(name)) if self.hashed_files else name

    def create_compressor(self, **options: Any) -> QuickCompressor:
        """Return what makes the compressed copies."""
        return QuickCompressor(**options)

    def post_process(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        """Hash and compress what was collected, and note of which files it was made."""
        yield from super().post_process(*arguments, **options)
        if not options.get("dry_run"):
            Path(self.path(_SOURCES)).write_text(_digest_of_sources())


def collect_static_files() -> bool:
    """Bring the files of this version into `STATIC_ROOT`; return whether there was need to.

    A folder that cannot be written is left as it is: pages find their files all the same, as they
    are. Any number of processes may call it at once.
    """
    root = Path(settings.STATIC_ROOT)
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = os.open(root, os.O_RDONLY)
    except OSError as error:
        log.warning("static_files_not_collected", problem=str(error))
        return False
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if _noted_in(root) == _digest_of_sources():
            return False
        call_command("collectstatic", interactive=False, verbosity=0)
    except OSError as error:
        log.warning("static_files_not_collected", problem=str(error))
        return False
    finally:
        os.close(folder)
    return True


def _noted_in(root: Path) -> str:
    try:
        return (root / _SOURCES).read_text()
    except FileNotFoundError:
        return ""


def _digest_of_sources() -> str:
    """Return a digest of all files, of ours and of the libraries, with their names."""
    digest = hashlib.sha256()
    for finder in finders.get_finders():
        for name, storage in sorted(finder.list(None), key=lambda found: str(found[0])):
            content = Path(storage.path(name)).read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
