"""Note downloads of kept films, and mark favourites."""

from datetime import datetime

from accounts.authority import By
from accounts.roles import Permission
from generations.errors import TaskNotFound
from generations.models import Film, Generation


def note_download(film: Film, *, now: datetime) -> None:
    """Note when a film was first downloaded; later downloads change nothing and cost no query."""
    if film.first_downloaded_at is None:
        Film.objects.filter(pk=film.pk, first_downloaded_at=None).update(first_downloaded_at=now)


def set_favourite(generation: Generation, *, favourite: bool, by: By) -> None:
    """Mark a generation as one of the team's favourites, or take the mark away.

    Raises `TaskNotFound` for another team's (P32), `PermissionDenied` for who may only look.
    """
    if not by.is_in(generation.team_id):
        raise TaskNotFound
    by.require(Permission.SUBMIT, team_id=generation.team_id)
    Generation.objects.filter(pk=generation.pk).update(favourite=favourite)
    generation.favourite = favourite
