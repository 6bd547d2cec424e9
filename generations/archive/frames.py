"""Store a film's last frame as an upload, which the next film can start with."""

from datetime import datetime

from django.core.files.base import ContentFile

from accounts.authority import By
from accounts.roles import Permission
from generations.archive.store import film_storage
from generations.models import Film, Generation, Upload
from generations.uploads import store_upload
from platform_site.errors import Conflict, Unavailable


def last_frame_as_upload(generation: Generation, *, by: By, now: datetime) -> Upload:
    """Store a kept film's last frame as an upload, so that the next film can start with it.

    Raises `PermissionDenied`, alike for another team's film, `Conflict` when there is no film to
    continue from, or `Unavailable` when the store fails.
    """
    by.require(Permission.SUBMIT, team_id=generation.team_id)
    film = Film.objects.filter(generation=generation, state=Film.State.KEPT).first()
    if film is None or not film.last_frame_name:
        raise Conflict("This film has no last frame to continue from.")
    try:
        with film_storage().open(film.last_frame_name) as stored:
            # A frame is small; a bucket's file cannot be handed on as one of this disk.
            frame = ContentFile(stored.read(), name=film.last_frame_name)
    except FileNotFoundError:
        raise Conflict("This film has no last frame to continue from.") from None
    except OSError as error:
        raise Unavailable("The last frame cannot be read. Try again in a moment.") from error
    return store_upload(frame, by=by, now=now)
