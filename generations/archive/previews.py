"""Make the previews of kept films, in a step of their own: nobody's film waits for them.

They belong to a stored file, so films with the same bytes share them. Until they are made, and for
a film of which none can be made, lists show the poster and play the film itself.
"""

import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.db.models import F
from django.utils import timezone

from generations.archive.partial import scratch_folder
from generations.archive.steps import make_previews_step
from generations.archive.store import delete_previews, film_storage, preview_names
from generations.decoders import DecoderFailed, run_decoder
from generations.models import StoredFile
from platform_site.backoff import Backoff
from platform_site.clusters.shutdown import is_shutting_down
from platform_site.clusters.slots import slot

log = structlog.get_logger(__name__)

ENCODE_SECONDS = 60  # of one film; of twelve seconds in 1080p it takes about three
STORE_SECONDS = 30
CLAIM = timedelta(seconds=180)
RUN_SECONDS = 60
MOST_ATTEMPTS = 10
_BACKOFF = Backoff(first=timedelta(minutes=1), last=timedelta(hours=6))
_TYPES = {".webp": "image/webp", ".mp4": "video/mp4"}


def make_due_previews() -> None:
    """Make what is due, one film after another, by at most one worker of this cluster.

    Ends early when anything else waits for a worker; the sweep has it go on later.
    """
    ends = time.monotonic() + RUN_SECONDS
    with slot(among=1) as is_ours:
        while is_ours and time.monotonic() < ends and not is_shutting_down():
            stored = _claim(now=timezone.now())
            if stored is None:
                return
            _attempt(stored)
            if make_previews_step.room() < 1:
                return


def _claim(*, now: datetime) -> StoredFile | None:
    """Take the file that has waited longest; None when there is none, or another was quicker."""
    due = StoredFile.objects.filter(previews_due_at__lte=now, uses__gt=0)
    stored = due.order_by("previews_due_at").first()
    if stored is None:
        return None
    stored.preview_attempts += 1
    # A last attempt that kills its worker is not made again.
    again_at = now + CLAIM if stored.preview_attempts < MOST_ATTEMPTS else None
    claimed = StoredFile.objects.filter(
        pk=stored.pk, previews_due_at=stored.previews_due_at, uses__gt=0
    ).update(previews_due_at=again_at, preview_attempts=F("preview_attempts") + 1)
    return stored if claimed else None


def _attempt(stored: StoredFile) -> None:
    try:
        with scratch_folder() as folder:
            _make(stored, folder)
    except DecoderFailed as error:
        # It was decoded before it was kept: the same bytes will not do better later.
        log.warning("previews_not_made", file=stored.pk, problem=str(error)[:300])
        StoredFile.objects.filter(pk=stored.pk).update(previews_due_at=None)
    except OSError as error:
        log.warning("previews_not_made", file=stored.pk, problem=str(error)[:300])
        is_over = stored.preview_attempts >= MOST_ATTEMPTS
        later = None if is_over else timezone.now() + _BACKOFF.after(stored.preview_attempts)
        StoredFile.objects.filter(pk=stored.pk).update(previews_due_at=later)


def _make(stored: StoredFile, folder: Path) -> None:
    film = folder / "film.mp4"
    with film_storage().open(stored.file_name) as source, film.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    names = preview_names(stored)
    paths = {column: folder / Path(name).name for column, name in names.items()}
    run_decoder(
        "previews",
        *(film, paths["small_poster_name"], paths["large_poster_name"], paths["preview_name"]),
        seconds=ENCODE_SECONDS,
    )
    ends = time.monotonic() + STORE_SECONDS
    for column, name in names.items():
        kind = _TYPES[paths[column].suffix]
        film_storage().put(name, paths[column], content_type=kind, ends=ends)
    if not StoredFile.objects.filter(pk=stored.pk, uses__gt=0).update(
        previews_due_at=None, **names
    ):
        # The last film that used the files was removed meanwhile.
        delete_previews(stored)
