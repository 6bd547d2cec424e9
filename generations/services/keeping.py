"""Keep films: fetch, check, store, before the vendor's link dies (P39).

Nothing here touches money (P17): when keeping fails the generation stays completed and paid, the
film stays visible as pending or lost, and alarms are raised along the link's life.
"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.actor import system_actor
from generations.media.probe import FilmFacts, UnplayableFilm, inspect_film
from generations.models import Film, Generation, VideoModel
from generations.provider.errors import ProviderError
from generations.services.moves import remark
from generations.services.notices import notify_ended
from generations.services.provider_keys import client_for
from platform_site.http import (
    Fetched,
    FetchError,
    FetchGone,
    FetchRefused,
    TooLarge,
    fetch_to_file,
    guarded_client,
)

log = structlog.get_logger(__name__)
ACTOR = system_actor("keep")

MAX_FILM_BYTES = 2 * 1024**3
FETCH_SECONDS = 90  # with the inspector's, below the queue's timeout for one task
CLAIM = timedelta(seconds=180)
# Storage answers "gone" for a moment after a completion; this many times in a row it is.
GONE_TIMES = 5
_LAST_WAIT = timedelta(minutes=10)
_FOLDERS = "dailies-keep-"
_ALARMS_AT = (0.25, 0.5, 0.75)


def film_storage() -> Storage:
    """Return where films, posters and last frames are stored."""
    return storages["films"]


def keep_film(generation_id: UUID) -> None:
    """Try once to keep a completed generation's film; do nothing when it is not pending."""
    film = _claim(generation_id, now=timezone.now())
    if film is None:
        return
    with tempfile.TemporaryDirectory(prefix=_FOLDERS) as folder:
        try:
            fetched, facts = _fetch(film, Path(folder))
            _store(film, Path(folder), fetched, facts)
        except (FetchRefused, TooLarge) as error:
            _give_up(film, f"Its link is not one that we fetch: {error}")
        except FetchGone:
            _handle_gone(film)
        except (FetchError, UnplayableFilm, OSError) as error:
            _try_again(film, f"{type(error).__name__}: {error}"[:300])


def raise_alarms(*, now: datetime) -> int:
    """Shout at 25, 50 and 75 % of the life of each link whose film is not kept; return how many."""
    raised = 0
    for film in Film.objects.filter(state=Film.State.PENDING, link_expires_at__isnull=False):
        life = film.link_expires_at - film.created_at  # type: ignore[operator]
        passed = sum((now - film.created_at) >= life * share for share in _ALARMS_AT)
        if passed > film.alarms and Film.objects.filter(pk=film.pk, alarms=film.alarms).update(
            alarms=passed
        ):
            raised += 1
            log.error(
                "film_not_kept_yet",
                generation_id=str(film.pk),
                link_life_passed=_ALARMS_AT[passed - 1],
                problem=film.problem,
            )
    return raised


def clear_abandoned_folders(*, now: datetime) -> int:
    """Remove what workers that were killed had downloaded on this machine; return how many."""
    dead = (now - CLAIM).timestamp()
    folders = [
        folder
        for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDERS}*")
        if folder.stat().st_mtime < dead
    ]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return len(folders)


def _claim(generation_id: UUID, *, now: datetime) -> Film | None:
    film = (
        Film.objects.select_related("generation__provider_key", "generation__team")
        .filter(pk=generation_id, state=Film.State.PENDING)
        .first()
    )
    if film is None:
        return None
    # Two copies of one task may run at once: the second would overwrite what the first has stored.
    claimed = Film.objects.filter(
        Q(claimed_until=None) | Q(claimed_until__lte=now),
        pk=film.pk,
        state=Film.State.PENDING,
        attempts=film.attempts,
    ).update(attempts=film.attempts + 1, claimed_until=now + CLAIM, next_attempt_at=now + CLAIM)
    film.attempts += 1
    return film if claimed else None


def _fetch(film: Film, folder: Path) -> tuple[Fetched, FilmFacts]:
    endpoint = film.generation.provider_key.endpoint
    with (
        guarded_client(allow=_reachable(endpoint)) as client,
        (folder / "film.mp4").open("w+b") as file,
    ):
        fetched = fetch_to_file(
            client,
            film.source_url,
            file,
            max_bytes=MAX_FILM_BYTES,
            deadline_seconds=FETCH_SECONDS,
            allowed_hosts=_result_hosts(endpoint),
        )
    facts = inspect_film(
        folder / "film.mp4", poster=folder / "poster.jpg", last_frame=folder / "last.jpg"
    )
    return fetched, facts


def _reachable(endpoint: str) -> frozenset[str]:
    """Return the `host:port` outside the public internet that this key's films may come from."""
    allowed = set(settings.OUTBOUND_ALLOW)
    if endpoint == settings.SANDBOX_URL:
        allowed.add(urlsplit(settings.SANDBOX_URL).netloc)
    return frozenset(allowed)


def _result_hosts(endpoint: str) -> Callable[[str], bool]:
    """Return the test that a result's host must pass: the vendor's, or the sandbox for its keys."""
    hosts = tuple(settings.RESULT_HOSTS)
    own = urlsplit(endpoint).hostname
    if endpoint == settings.SANDBOX_URL:
        return lambda host: host == own
    return lambda host: any(
        host == entry or (entry.startswith(".") and host.endswith(entry)) for entry in hosts
    )


def _store(film: Film, folder: Path, fetched: Fetched, facts: FilmFacts) -> None:
    generation = film.generation
    base = f"{generation.created_at:%Y/%m}/{generation.id}"
    names = {
        "file_name": _save(f"{base}.mp4", folder / "film.mp4"),
        "poster_name": _save(f"{base}.jpg", folder / "poster.jpg"),
        "last_frame_name": _save(f"{base}-last.jpg", folder / "last.jpg"),
    }
    now = timezone.now()
    with transaction.atomic():
        kept = Film.objects.filter(pk=film.pk, state=Film.State.PENDING).update(
            state=Film.State.KEPT,
            kept_at=now,
            next_attempt_at=None,
            problem="",
            size=fetched.size,
            sha256=fetched.sha256,
            width=facts.width,
            height=facts.height,
            frames=facts.frames,
            has_audio=facts.has_audio,
            differs=differences(generation, facts),
            **names,
        )
        if kept:
            _announce(generation, "kept", f"{fetched.size} bytes, {fetched.sha256[:12]}…", now)


def _save(name: str, path: Path) -> str:
    storage = film_storage()
    if storage.exists(name):  # left by a worker that died before it could say so
        storage.delete(name)
    with path.open("rb") as file:
        return storage.save(name, File(file))


def differences(generation: Generation, facts: FilmFacts) -> str:
    """Say how a film differs from its order, or nothing."""
    model = VideoModel.objects.filter(name=generation.model).first()
    sizes = model.sizes.get(generation.resolution, {}) if model else {}
    size = sizes.get(generation.aspect_ratio)
    frames = generation.duration * (model.frames_per_second if model else 24)
    found = []
    if size and [facts.width, facts.height] != size:
        found.append(f"{facts.width}×{facts.height} pixels instead of {size[0]}×{size[1]}")
    if facts.frames != frames:
        found.append(f"{facts.frames} frames instead of {frames}")
    if facts.has_audio != generation.generate_audio:
        found.append("with sound" if facts.has_audio else "without sound")
    return ", ".join(found)


def _handle_gone(film: Film) -> None:
    """Ask the vendor for a fresh link; give up when it has none and says so again and again."""
    fresh = _fresh_link(film)
    if fresh and fresh != film.source_url:
        Film.objects.filter(pk=film.pk).update(source_url=fresh)
        _try_again(film, "The link had died; the vendor gave another.")
    elif film.attempts >= GONE_TIMES:
        _give_up(film, "The vendor's link was dead before the film was kept.")
    else:
        _try_again(film, "The vendor's link is dead.")


def _fresh_link(film: Film) -> str:
    generation = film.generation
    try:
        report = client_for(generation.provider_key).get_task(generation.upstream_id or "")
    except ProviderError:
        return ""
    return report.urls[0] if report.urls else ""


def _try_again(film: Film, problem: str) -> None:
    now = timezone.now()
    if film.link_expires_at is not None and now >= film.link_expires_at:
        _give_up(film, f"The link's life ended. Last: {problem}")
        return
    wait = min(_LAST_WAIT, timedelta(seconds=1) * 2 ** min(film.attempts - 1, 12))
    Film.objects.filter(pk=film.pk, state=Film.State.PENDING).update(
        next_attempt_at=now + wait, claimed_until=None, problem=problem[:300]
    )
    log.warning("film_not_kept", generation_id=str(film.pk), problem=problem)


def _give_up(film: Film, problem: str) -> None:
    now = timezone.now()
    with transaction.atomic():
        lost = Film.objects.filter(pk=film.pk, state=Film.State.PENDING).update(
            state=Film.State.GIVEN_UP, next_attempt_at=None, problem=problem[:300]
        )
        if lost:
            _announce(film.generation, "film_lost", problem, now)
    log.error("film_lost", generation_id=str(film.pk), problem=problem)


def _announce(generation: Generation, kind: str, message: str, now: datetime) -> None:
    remark(generation, kind, actor=ACTOR, message=message)
    fresh = Generation.objects.select_related("film").get(pk=generation.pk)
    notify_ended(fresh, now=now)
