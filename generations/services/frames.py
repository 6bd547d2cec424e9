"""Go on from where a film ends."""

from datetime import datetime

from django.core.files import File

from accounts.models import Membership
from generations.models import Film, Generation, Upload
from generations.services.keeping import film_storage
from generations.services.uploads import store_upload
from platform_site.errors import Conflict


def last_frame_as_upload(
    generation: Generation, *, membership: Membership, now: datetime
) -> Upload:
    """Store a kept film's last frame as an upload, so that the next film can start with it.

    Raises `PermissionDenied`, or `Conflict` when there is no film to go on from.
    """
    film = Film.objects.filter(generation=generation, state=Film.State.KEPT).first()
    if film is None or not film.last_frame_name:
        raise Conflict("This film has no last frame to go on from.")
    with film_storage().open(film.last_frame_name) as stored:
        return store_upload(File(stored.file), membership=membership, now=now)
