"""Note that the vendor has a film for us, inside the transaction that learnt it."""

from datetime import datetime, timedelta

import structlog

from generations.archive.link_life import link_life_of
from generations.archive.steps import keep_step
from generations.models import Film, Generation
from generations.notifications import notify_ended
from generations.vendors import TaskReport

log = structlog.get_logger(__name__)


def begin_keeping(generation: Generation, report: TaskReport, *, now: datetime) -> Film:
    """Create the film's row and have it fetched; without a link it is lost from the start (P29)."""
    url = report.urls[0] if report.urls else ""
    film = Film(generation=generation, source_url=url, created_at=now)
    if url:
        film.link_expires_at = _finished_at(generation, report, now) + link_life_of(generation)
        film.next_attempt_at = now + timedelta(seconds=60)
    else:
        film.state = Film.State.GIVEN_UP
        film.lost_at = now
        film.problem = without_link(report)
    film.save(force_insert=True)
    generation.film = film
    if url:
        keep_step.enqueue(generation.id)
    else:
        log.error(
            "film_without_link",
            generation_id=str(generation.id),
            problem=film.problem,
            said=report.links_said,
        )
        notify_ended(generation, now=now)
    return film


def without_link(report: TaskReport) -> str:
    """Say in a sentence or two why a finished task's film cannot be fetched."""
    if report.link_problem:
        return f"The vendor's link to the film cannot be used. {report.link_problem}"
    return "The vendor completed the task without a link to the film."


def _finished_at(generation: Generation, report: TaskReport, now: datetime) -> datetime:
    """Return the vendor's time of completion, if it lies between our submit and now."""
    earliest = (generation.accepted_at or generation.created_at).timestamp()
    told = report.completed_at or now.timestamp()
    return datetime.fromtimestamp(min(now.timestamp(), max(earliest, told)), tz=now.tzinfo)
