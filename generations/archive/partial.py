"""What has been fetched of a film so far, on this machine, and by one process at a time.

A folder a film in `PARTIAL_DIR`: the bytes, a note of what they are, and a lock. A killed worker
leaves it behind, and the next attempt on the same machine goes on from it; on another machine the
film starts over, so no attempt is tied to a host.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.conf import settings

from generations.archive.inspect import FilmFacts
from generations.models import Film
from platform_site.http import Fetched

_FORGET = timedelta(hours=80)  # longer than any film is tried
_HASH_BYTES = 1024 * 1024


@dataclass(slots=True)
class Note:
    """What the bytes are: of which link, and how far everything has come."""

    link: str = ""
    validator: str | None = None
    fetched: dict[str, Any] | None = None
    facts: dict[str, Any] | None = None


class Partial:
    """One film's folder, locked. Its files may be there, or not, or in part."""

    def __init__(self, folder: Path, link: str) -> None:
        """Open what there is of `link`; what there is of another link is thrown away."""
        self._folder = folder
        self._note = _read_note(folder / "note.json")
        if self._note.link != _without_query(link):
            self.discard()
            self._note.link = _without_query(link)
        self.started_with = self.size

    @property
    def film(self) -> Path:
        """Return where the film's bytes are."""
        return self._folder / "film.mp4"

    @property
    def poster(self) -> Path:
        """Return where the poster is, once the film is inspected."""
        return self._folder / "poster.jpg"

    @property
    def last_frame(self) -> Path:
        """Return where the last frame is, once the film is inspected."""
        return self._folder / "last.jpg"

    @property
    def size(self) -> int:
        """Return how many bytes an attempt can go on from."""
        if self._note.validator is None and self._note.fetched is None:
            return 0
        return self.film.stat().st_size if self.film.exists() else 0

    @property
    def validator(self) -> str | None:
        """Return what proves that the rest belongs to these bytes."""
        return self._note.validator if self.size else None

    def begin(self, validator: str | None) -> None:
        """Note that a download starts from zero."""
        self._note.validator, self._note.fetched, self._note.facts = validator, None, None
        self._write()

    def note_fetched(self, fetched: Fetched) -> None:
        """Note that all of it is here."""
        self._note.fetched = asdict(fetched)
        self._write()

    def note_facts(self, facts: FilmFacts) -> None:
        """Note what the inspector said; poster and last frame are beside it."""
        self._note.facts = asdict(facts)
        self._write()

    def whole(self) -> Fetched | None:
        """Return what an earlier attempt has fetched in full, if the disk still holds just that."""
        if self._note.fetched is None:
            return None
        fetched = Fetched(**self._note.fetched)
        if self.size == fetched.size and _digest(self.film) == fetched.sha256:
            return fetched
        self.discard()
        return None

    def facts(self) -> FilmFacts | None:
        """Return what the inspector said in an earlier attempt."""
        return None if self._note.facts is None else FilmFacts(**self._note.facts)

    def discard(self) -> None:
        """Throw away what there is; the next attempt starts from zero."""
        for path in (self._folder / "note.json", self.film, self.poster, self.last_frame):
            path.unlink(missing_ok=True)
        self._note = Note(link=self._note.link)

    def _write(self) -> None:
        draft = self._folder / "note.draft"
        draft.write_text(json.dumps(asdict(self._note)))
        draft.replace(self._folder / "note.json")


@contextmanager
def partial_of(film_id: UUID, *, link: str) -> Iterator[Partial]:
    """Lock and open a film's folder on this machine; it stays until `forget_partial`.

    When a process that lost its claim still holds it, the attempt gets a folder of its own, which
    goes with it. Raises `OSError` when the disk does not take it.
    """
    folder = Path(settings.PARTIAL_DIR) / str(film_id)
    lock = _locked(folder)
    if lock is not None:
        try:
            yield Partial(folder, link)
        finally:
            os.close(lock)
        return
    own = folder.with_name(f"{film_id}.{uuid4().hex}")
    own.mkdir(parents=True)
    try:
        yield Partial(own, link)
    finally:
        shutil.rmtree(own, ignore_errors=True)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Lend a folder on this machine that goes with the block, or in time when the process dies.

    Raises `OSError` when the disk does not take it.
    """
    folder = Path(settings.PARTIAL_DIR) / str(uuid4())
    lock = _locked(folder)
    if lock is None:
        raise OSError("A fresh folder could not be locked.")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def forget_partial(film_id: UUID) -> None:
    """Remove a film's folder; nobody needs it once the film is stored or lost."""
    shutil.rmtree(Path(settings.PARTIAL_DIR) / str(film_id), ignore_errors=True)


def clear_partials(*, now: datetime) -> int:
    """Remove the folders of films that are no longer being kept, and forgotten ones."""
    root = Path(settings.PARTIAL_DIR)
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    ids = {folder: folder.name.partition(".")[0] for folder in folders}
    pending = Film.objects.filter(
        state=Film.State.PENDING, pk__in={one for one in ids.values() if _is_uuid(one)}
    )
    wanted = {str(pk) for pk in pending.values_list("pk", flat=True)}
    cleared = 0
    for folder, film_id in ids.items():
        with suppress(FileNotFoundError):
            age = now.timestamp() - folder.stat().st_mtime
            if film_id in wanted and age < _FORGET.total_seconds():
                continue
            cleared += _clear(folder)
    return cleared


def _clear(folder: Path) -> bool:
    lock = _locked(folder)
    if lock is None:
        return False
    try:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
    return True


def _locked(folder: Path) -> int | None:
    """Lock a folder for this process; None when another process has it. The lock dies with us."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:  # removed between the two steps
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it may have removed the folder: then this is the lock of nothing.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _read_note(path: Path) -> Note:
    try:
        return Note(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return Note()


def _without_query(link: str) -> str:
    """Return what names the file of a link: the rest may be a signature, different each time."""
    parts = urlsplit(link)
    return hashlib.sha256(f"{parts.scheme}://{parts.netloc}{parts.path}".encode()).hexdigest()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
