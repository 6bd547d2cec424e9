"""Store films, each content once, and delete what no film uses any more.

Two films with the same bytes share one set of files, over teams too. Whether files are in use is
a count on their row, moved by conditional UPDATE in the transaction that keeps or removes a film;
names are never used again, so whoever deletes what is at 0 cannot meet the same bytes coming again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import structlog
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.db.models import F

from generations.models import Film, StoredFile
from platform_site.stores import Store

log = structlog.get_logger(__name__)

_TRIES = 5
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Files:
    """A fetched film on this machine, its digest, and the pictures that came of it, if they did."""

    sha256: str
    film: Path
    poster: Path
    last_frame: Path


class _Overtaken(Exception):
    """Another attempt kept the film first."""


class _Vanished(Exception):
    """The last film that used the files was removed in the meantime, or others came first."""


def film_storage() -> Store:
    """Return where films, posters and last frames are stored."""
    return cast("Store", storages["films"])


def keep_files(
    film: Film, files: Files, *, ends: float, columns: dict[str, Any], announce: Callable[[], None]
) -> bool:
    """Store the files, unless the same bytes are stored, and mark the film as kept.

    `ends` is the moment, in seconds of monotonic time, after which nothing more is stored.
    `columns` are set and `announce` is called in the transaction that marks it. Returns False,
    having changed no row, when the film is no longer pending.

    Raises `OSError` when the store fails; a poster or last frame that it does not take is left out.
    """
    for _ in range(_TRIES):
        own = _named_after(film.pk, files.sha256)
        shared = StoredFile.objects.filter(sha256=files.sha256, uses__gt=0).first()
        stored = shared or own
        _put_missing(stored, files, ends=ends, is_new=shared is None)
        try:
            with transaction.atomic():
                _use(stored, is_new=shared is None)
                _mark_kept(film.pk, stored, columns)
                announce()
        except _Overtaken:
            return False
        except _Vanished:
            # Files put back under a name that is no longer used are nobody's.
            _delete_if_it_goes(shared)
            continue
        if shared is not None and shared.file_name != own.file_name:
            # A worker that died, or lost to another, may have stored them for this film alone.
            _delete_if_it_goes(own)
        return True
    raise OSError("Others kept and removed the same film at the same time.")


def let_go(film: Film) -> None:
    """Note that a film no longer uses its files, in the transaction that removes it."""
    if film.stored_id is None:
        if film.file_name:
            StoredFile.objects.create(
                sha256=film.sha256,
                file_name=film.file_name,
                poster_name=film.poster_name,
                last_frame_name=film.last_frame_name,
                uses=0,
            )
        return
    StoredFile.objects.filter(pk=film.stored_id, uses__gt=0).update(uses=F("uses") - 1)


def preview_names(stored: StoredFile) -> dict[str, str]:
    """Return the names under which the previews of a file are stored, by column."""
    stem = stored.file_name.removesuffix(".mp4")
    return {
        "small_poster_name": f"{stem}-small.webp",
        "large_poster_name": f"{stem}-large.webp",
        "preview_name": f"{stem}-preview.mp4",
    }


def delete_previews(stored: StoredFile) -> None:
    """Delete the previews of a file that no film uses. Raises `OSError`."""
    for name in preview_names(stored).values():
        film_storage().delete(name)


def delete_unused_files() -> int:
    """Delete the files that no film uses; return of how many films. May run anywhere, twice.

    A store that fails keeps its files' rows, and they are deleted the next time.
    """
    deleted = 0
    for stored in StoredFile.objects.filter(uses=0).order_by("created_at")[:_BATCH]:
        try:
            _delete_names(stored)
        except OSError as error:
            log.warning("unused_film_not_deleted", file=stored.pk, problem=str(error))
            continue
        # No film names it: its last one forgot it in the transaction that counted to 0.
        deleted += StoredFile.objects.filter(pk=stored.pk, uses=0).delete()[0]
    return deleted


def _named_after(film_id: UUID, sha256: str) -> StoredFile:
    """Return the row, not saved, that this film's files would have.

    Named after content and film: another attempt for the same film writes the same bytes there,
    and no later film ever uses the name.
    """
    stem = f"{sha256[:2]}/{sha256}-{film_id.hex}"
    return StoredFile(
        sha256=sha256,
        file_name=f"{stem}.mp4",
        poster_name=f"{stem}.jpg",
        last_frame_name=f"{stem}-last.jpg",
    )


def _put_missing(stored: StoredFile, files: Files, *, ends: float, is_new: bool) -> None:
    """Store what is not there; a new row forgets pictures that did not go in."""
    _put_unless_there(stored.file_name, files.film, "video/mp4", ends)
    for column, path in (("poster_name", files.poster), ("last_frame_name", files.last_frame)):
        name = getattr(stored, column)
        try:
            if name:
                _put_unless_there(name, path, "image/jpeg", ends)
        except OSError as error:
            log.warning("picture_not_stored", name=column, problem=str(error)[:200])
            if is_new:
                setattr(stored, column, "")


def _put_unless_there(name: str, path: Path, content_type: str, ends: float) -> None:
    storage, size = film_storage(), path.stat().st_size
    try:
        # Files appear whole or not at all, so one of this name and size is this one.
        if storage.size(name) == size:
            return
    except FileNotFoundError:
        pass
    storage.put(name, path, content_type=content_type, ends=ends)


def _use(stored: StoredFile, *, is_new: bool) -> None:
    if not is_new:
        if not StoredFile.objects.filter(pk=stored.pk, uses__gt=0).update(uses=F("uses") + 1):
            raise _Vanished
        return
    try:
        with transaction.atomic():
            stored.save(force_insert=True)
    except IntegrityError:
        raise _Vanished from None


def _mark_kept(film_id: UUID, stored: StoredFile, columns: dict[str, Any]) -> None:
    kept = Film.objects.filter(pk=film_id, state=Film.State.PENDING).update(
        state=Film.State.KEPT,
        stored=stored,
        file_name=stored.file_name,
        poster_name=stored.poster_name,
        last_frame_name=stored.last_frame_name,
        **columns,
    )
    if not kept:
        raise _Overtaken


def _delete_if_it_goes(stored: StoredFile | None) -> None:
    if stored is not None:
        with suppress(OSError):
            _delete_names(stored)


def _delete_names(stored: StoredFile) -> None:
    storage = film_storage()
    for name in (stored.file_name, stored.poster_name, stored.last_frame_name):
        if name:
            storage.delete(name)
    if stored.preview_attempts:
        # A worker that died may have stored them without a word.
        delete_previews(stored)
