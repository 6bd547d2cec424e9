"""Steps of keeping films: have the vendor complete one, try to keep it, take it away again."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.models import Membership
from generations.archive.keep import keep_film
from generations.archive.retention import remove_outlived_films
from generations.lifecycle import State
from generations.models import Film, RetentionRule
from tests.factories import make_generation
from tests.support.films import film_bytes
from tests.support.steps import empty_queue, poll_due
from tests.support.vendor import Vendor

# What `film_bytes` is by default.
ORDER: dict[str, Any] = {"duration": 4, "resolution": "480p", "generate_audio": False}


def completed(
    membership: Membership, vendor: Vendor, data: bytes = b"", *, urls: Any = None, **order: Any
) -> Film:
    """Return the film, still to be kept, of a generation that the vendor has completed."""
    task_id = vendor.add_task()
    job = make_generation(membership, State.PROCESSING, upstream_id=task_id, **{**ORDER, **order})
    vendor.finish(task_id, data, urls=urls)
    poll_due()
    empty_queue()
    return Film.objects.get(pk=job.pk)


def kept(film: Film, *, times: int = 1) -> Film:
    """Try to keep it, whether it is due or not."""
    for _ in range(times):
        keep_film(film.pk)
    film.refresh_from_db()
    return film


def path_of(film: Film) -> str:
    """Return the path of the film's link at the vendor."""
    return "/files/" + film.source_url.rpartition("/")[2]


def name_of(film: Film, ending: str, data: bytes | None = None) -> str:
    """Return the name under which the film's file will be stored if it is stored for it."""
    digest = hashlib.sha256(film_bytes() if data is None else data).hexdigest()
    return f"{digest[:2]}/{digest}-{film.pk.hex}{ending}"


def remove(film: Film) -> int:
    """Let the rule of the film's team remove it; return how many films went."""
    long_ago = timezone.now() - timedelta(days=30)
    Film.objects.filter(pk=film.pk).update(kept_at=long_ago)
    generation = film.generation
    type(generation).objects.filter(pk=film.pk).update(created_at=long_ago)
    RetentionRule.objects.update_or_create(
        team=generation.team, defaults={"days": 7, "set_by": "test", "set_at": long_ago}
    )
    return remove_outlived_films(now=timezone.now())


def stored_files() -> list[str]:
    """Return the names of all that is in the folder of films."""
    root = Path(settings.FILMS_DIR)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def files_of(film: Film) -> list[str]:
    """Return the names of the film's files that are there."""
    names = {film.file_name, film.poster_name, film.last_frame_name}
    return [name for name in stored_files() if name in names]


def stored_files_of(film: Film) -> list[str]:
    """Return the names of all files that bear the film's id."""
    return [name for name in stored_files() if film.pk.hex in name]
