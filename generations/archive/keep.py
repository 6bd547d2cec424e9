"""Keep films: fetch, check, store, before the vendor's link expires (P39).

Nothing here touches money (P17): when keeping fails the generation stays completed and paid, the
film stays visible as pending or lost, and alarms are raised along the link's life.
"""

import time
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.authority import By
from accounts.roles import Permission
from generations.archive.alarms import ALARMS, notify_lost
from generations.archive.fetch import differences, fetch_film, fresh_link, inspect_partial
from generations.archive.inspect import FilmFacts, UnplayableFilm
from generations.archive.link_life import link_life_of
from generations.archive.partial import Partial, forget_partial, partial_of
from generations.archive.reads import may_be_tried_again
from generations.archive.steps import keep_step
from generations.archive.store import Files, keep_files
from generations.lifecycle import EventKind
from generations.models import Film, Generation
from generations.notifications import notify_ended
from generations.transitions import record_event
from platform_site.backoff import Backoff
from platform_site.clusters.steps import ENQUEUE_AGAIN
from platform_site.errors import Conflict
from platform_site.http import (
    Fetched,
    FetchError,
    FetchGone,
    FetchRefused,
    Interrupted,
    TooLarge,
)
from platform_site.text.untrusted import clean_text

log = structlog.get_logger(__name__)
SYSTEM = By.system("keep")

# The queue ends a task after its timeout and lets another begin; an attempt hands back before.
ATTEMPT_SECONDS = 140
# Later than this into an attempt, storing is left to the next one, which has all of its time.
_STORE_BEFORE_SECONDS = 95
CLAIM = timedelta(seconds=180)
# Storage answers "gone" for a moment after a completion; this many times in a row it is.
GONE_TIMES = 5
# Fresh links let us go on, but not forever.
_MOST_LIVES = 3
_BACKOFF = Backoff(first=timedelta(seconds=1), last=timedelta(minutes=10))
_PROBLEM_LENGTH = 300  # characters, as the column has them
_WORTH_BYTES = 256 * 1024  # an attempt that brought less is no progress


def keep_film(generation_id: UUID) -> None:
    """Try once to keep a completed generation's film; do nothing when it is not pending."""
    film = _claim(generation_id, now=timezone.now())
    if film is None:
        return
    started = time.monotonic()
    try:
        if not film.source_url and not _renew_link(film):
            return
        with partial_of(film.pk, link=film.source_url) as partial:
            _attempt(film, partial, started=started)
    except OSError as error:
        # Our own disk: no room, or no right to write.
        _try_again(film, f"Our disk did not take it: {error.strerror or error}.")
    except Exception as error:
        # What nobody foresaw counts too, or it would be tried forever.
        log.exception("keeping_broke", generation_id=str(film.pk))
        _try_again(film, f"Something went wrong while it was saved: {type(error).__name__}.")


def keep_again(film: Film, *, by: By, now: datetime) -> None:
    """Try a lost film once more with a link that the vendor is asked for.

    For clients the task stays completed without a link until the film is kept. Raises
    `PermissionDenied`, and `Conflict` when it is not lost, or when the provider key that could ask
    for it is gone.
    """
    by.require(Permission.SUBMIT, team_id=film.generation.team_id)
    if film.state == Film.State.GIVEN_UP and not may_be_tried_again(film):
        raise Conflict("Its provider key was deleted, so we cannot ask the vendor for it.")
    with transaction.atomic():
        revived = Film.objects.filter(pk=film.pk, state=Film.State.GIVEN_UP).update(
            state=Film.State.PENDING,
            source_url="",
            link_expires_at=now + link_life_of(film.generation),
            next_attempt_at=now + ENQUEUE_AGAIN,
            claimed_until=None,
            failures=0,
            link_died=False,
            # Whoever asked looks after it: the alarms of its first link have all been heard.
            alarms=ALARMS,
            problem="",
        )
        if not revived:
            raise Conflict("This film is not lost.")
        record_event(film.generation, EventKind.FILM_TRIED_AGAIN, by=by)
        keep_step.enqueue(film.pk)
    film.refresh_from_db()


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


def _attempt(film: Film, partial: Partial, *, started: float) -> None:
    """Fetch, check and store, as far as the time of one attempt goes, and write what came of it."""
    try:
        fetched = fetch_film(film, partial)
        facts = inspect_partial(partial)
    except Interrupted:
        _hand_back(film)
    except (FetchRefused, TooLarge) as error:
        _give_up(film, f"We cannot fetch from its link: {error}")
    except FetchGone:
        _handle_gone(film)
    except FetchError as error:
        _try_again(film, str(error), brought=_brought(partial))
    except UnplayableFilm as error:
        # The bytes may be damaged: the next attempt fetches all of them again.
        partial.discard()
        _try_again(film, f"The file does not play: {error}")
    else:
        if time.monotonic() - started > _STORE_BEFORE_SECONDS:
            _try_again(film, "Fetched and checked; storing it is next.", brought=fetched.size)
        else:
            _store(film, partial, fetched, facts, ends=started + ATTEMPT_SECONDS)


def _hand_back(film: Film) -> None:
    """Let go of a film at once: the worker stops, and another goes on from what has come."""
    with transaction.atomic():
        if Film.objects.filter(pk=film.pk, state=Film.State.PENDING, attempts=film.attempts).update(
            next_attempt_at=timezone.now() + ENQUEUE_AGAIN, claimed_until=None
        ):
            keep_step.enqueue(film.pk)


def _brought(partial: Partial) -> int:
    """Return how many bytes an attempt brought that the next one can go on from."""
    return max(0, partial.size - partial.started_with)


def _store(
    film: Film, partial: Partial, fetched: Fetched, facts: FilmFacts, *, ends: float
) -> None:
    generation, now = film.generation, timezone.now()
    columns = {
        "kept_at": now,
        "next_attempt_at": None,
        "problem": "",
        "size": fetched.size,
        "sha256": fetched.sha256,
        "width": facts.width,
        "height": facts.height,
        "frames": facts.frames,
        "duration_ms": facts.duration_ms,
        "has_audio": facts.has_audio,
        "differs": differences(generation, facts)[:300],
    }
    files = Files(fetched.sha256, partial.film, partial.poster, partial.last_frame)
    words = f"{fetched.size} bytes, {fetched.sha256[:12]}…"
    try:
        keep_files(
            film,
            files,
            ends=ends,
            columns=columns,
            announce=lambda: _announce(generation, EventKind.KEPT, words, now),
        )
    except OSError as error:
        # What was fetched stays here; only storing is tried again.
        log.error("film_not_stored", generation_id=str(film.pk), problem=str(error)[:300])  # noqa: TRY400
        _try_again(film, f"Fetched, but it could not be stored: {error}")
    else:
        forget_partial(film.pk)


def _handle_gone(film: Film) -> None:
    """Ask the vendor for a fresh link; give up when it has none and says so again and again."""
    # Failures of another kind do not count: the link may have died just now.
    film.failures = film.failures if film.link_died else 0
    link, problem = fresh_link(film)
    if _takes(film, link):
        _try_again(film, "The link had expired; the vendor gave a new one.")
    elif film.failures + 1 >= GONE_TIMES:
        _give_up(film, problem or "The vendor's link expired before the film was saved.")
    else:
        _try_again(film, "The vendor's link has expired.", link_died=True)


def _renew_link(film: Film) -> bool:
    """Get a link for a film that has none; False when this attempt is over for want of it."""
    if _has_fresh_link(film):
        return True
    _handle_gone(film)
    return False


def _has_fresh_link(film: Film) -> bool:
    """Return whether the vendor gives another link than the one we have, and take it."""
    return _takes(film, fresh_link(film)[0])


def _takes(film: Film, link: str) -> bool:
    if not link or link == film.source_url:
        return False
    film.source_url = link
    film.link_expires_at = timezone.now() + link_life_of(film.generation)
    Film.objects.filter(pk=film.pk, state=Film.State.PENDING).update(
        source_url=film.source_url, link_expires_at=film.link_expires_at
    )
    return True


def _try_again(film: Film, problem: str, *, brought: int = 0, link_died: bool = False) -> None:
    """Have the film tried later: soon after an attempt that brought bytes, else with longer waits.

    When the life of its link has ended, a fresh one is asked for, else the film is lost.
    """
    now, problem = timezone.now(), clean_text(problem, most=_PROBLEM_LENGTH)
    is_over = film.link_expires_at is not None and now >= film.link_expires_at
    longest = _MOST_LIVES * link_life_of(film.generation)
    if is_over and (now >= film.created_at + longest or not _has_fresh_link(film)):
        _give_up(film, f"The link expired. Last problem: {problem}")
        return
    failures = 0 if brought >= _WORTH_BYTES else film.failures + 1
    wait = _BACKOFF.after(failures)
    Film.objects.filter(pk=film.pk, state=Film.State.PENDING, attempts=film.attempts).update(
        next_attempt_at=now + wait,
        claimed_until=None,
        failures=failures,
        link_died=link_died,
        problem=problem,
    )
    log.warning("film_not_kept", generation_id=str(film.pk), problem=problem, brought=brought)


def _give_up(film: Film, problem: str) -> None:
    now, problem = timezone.now(), clean_text(problem, most=_PROBLEM_LENGTH)
    with transaction.atomic():
        lost = Film.objects.filter(
            pk=film.pk, state=Film.State.PENDING, attempts=film.attempts
        ).update(
            state=Film.State.GIVEN_UP,
            next_attempt_at=None,
            lost_at=film.lost_at or now,
            problem=problem,
        )
        if lost:
            _announce(film.generation, EventKind.FILM_LOST, problem, now)
            notify_lost(film.generation, attempt=film.attempts, problem=problem, now=now)
    if lost:
        forget_partial(film.pk)
        log.error("film_lost", generation_id=str(film.pk), problem=problem)


def _announce(generation: Generation, kind: EventKind, message: str, now: datetime) -> None:
    record_event(generation, kind, by=SYSTEM, message=message)
    fresh = Generation.objects.select_related("film").get(pk=generation.pk)
    notify_ended(fresh, now=now)
