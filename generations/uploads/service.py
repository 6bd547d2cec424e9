"""Take in images for first and last frames, serve them for a while, and clear them away."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import cast

import structlog
from django.core.files import File
from django.core.files.storage import storages
from django.db import transaction

from accounts.authority import By
from accounts.errors import RateLimitExceeded
from accounts.models import Team
from generations.catalog import models_of_site
from generations.models import Generation, Upload
from generations.models.generation import new_token
from generations.uploads.links import uploaded_token
from generations.uploads.pictures import Picture, prepared, too_long
from generations.uploads.quota import PERSONS_RATE, require_upload_room
from generations.vendors import FrameLimits, common_frame_limits
from platform_site.errors import InvalidRequest, Unavailable
from platform_site.stores import Store

LIFE = timedelta(hours=48)
_FORM_BYTES = 64 * 1024  # what a multipart form adds around one file

log = structlog.get_logger(__name__)


def upload_storage() -> Store:
    """Return where uploads are stored."""
    return cast("Store", storages["uploads"])


def frame_limits() -> FrameLimits:
    """Return what an uploaded image must be: what every vendor takes whose models take frames.

    An upload does not say which model it is for, so it must fit whichever it is submitted with.
    """
    models = [one for one in models_of_site() if one.active and one.max_images]
    return common_frame_limits({one.vendor for one in models})


def store_upload(file: File, *, by: By, now: datetime) -> Upload:  # type: ignore[type-arg]
    """Check and store an image of a member's; its link lives for 48 hours, or while a generation
    needs it.

    Raises `PermissionDenied`, `TooManyUploads`, `RateLimitExceeded`, `InvalidRequest` saying what
    is wrong with the image, or `Unavailable` when it cannot be read at the moment or the store does
    not take it.
    """
    membership = by.membership
    require_upload_room(by, now=now)
    if not PERSONS_RATE.take(membership.user_id, now=now):
        raise RateLimitExceeded(details=PERSONS_RATE.details(now))
    token = new_token()
    with prepared(file.open(), file.size or 0, frame_limits()) as picture:
        name = _stored(picture, token)
    return Upload.objects.create(
        team=membership.team,
        user=membership.user,
        token=token,
        file_name=name,
        content_type=picture.content_type,
        size=picture.size,
        width=picture.width,
        height=picture.height,
        created_at=now,
        expires_at=now + LIFE,
    )


def refuse_long_body(content_length: int) -> None:
    """Refuse a form that cannot hold a small enough image, before it is written to disk.

    Raises `InvalidRequest`.
    """
    limits = frame_limits()
    if content_length > limits.max_bytes + _FORM_BYTES:
        raise too_long(limits, content_length)


def keep_uploads_alive(generations: Sequence[Generation], *, team: Team, now: datetime) -> None:
    """Let the images of a team's stored generations live until those end, and as long as those
    uploaded just then.

    Raises `InvalidRequest` when one of them was cleared away meanwhile.
    """
    urls = {one.pk: one.body["input"].get("image_urls", []) for one in generations}
    uploads = renew_uploads(chain.from_iterable(urls.values()), team=team, now=now)
    by_token = {upload.token: upload.pk for upload in uploads}
    needed = {
        (pk, token) for pk, some in urls.items() for token in map(uploaded_token, some) if token
    }
    if any(token not in by_token for _, token in needed):
        raise InvalidRequest("An uploaded image has expired. Upload it again.", field="image_urls")
    links = Generation.uploads.through.objects
    links.bulk_create(
        [links.model(generation_id=pk, upload_id=by_token[token]) for pk, token in needed]
    )


def renew_uploads(urls: Iterable[str], *, team: Team, now: datetime) -> list[Upload]:
    """Let the team's uploads among `urls` live as long as those uploaded just then; return them."""
    tokens = {token for token in map(uploaded_token, urls) if token}
    if not tokens:
        return []
    uploads = Upload.objects.filter(team=team, token__in=tokens)
    # The update first: a clean-up that is about to delete them has to wait, and finds them live.
    uploads.update(expires_at=now + LIFE)
    return list(uploads)


def delete_expired_uploads(*, now: datetime) -> int:
    """Delete uploads that are past their time and needed by nothing; return how many.

    A store that fails keeps them, and they are deleted the next time.
    """
    dead = Upload.objects.dead(now).order_by("expires_at")[:500]
    return sum(_delete(upload, now=now) for upload in dead)


def _delete(upload: Upload, *, now: datetime) -> bool:
    try:
        with transaction.atomic():
            # Asked again with the row locked: a generation may have come to need it.
            if not Upload.objects.select_for_update().filter(pk=upload.pk, expires_at__lte=now):
                return False
            upload.delete()
            upload_storage().delete(upload.file_name)
    except OSError as error:
        log.warning("upload_not_deleted", upload=upload.pk, problem=str(error))
        return False
    return True


def _stored(picture: Picture, token: str) -> str:
    try:
        with picture.path.open("rb") as content:
            return upload_storage().save(f"{token[:2]}/{token}.{picture.ending}", File(content))
    except OSError as error:
        log.error("upload_not_stored", problem=str(error)[:200])  # noqa: TRY400
        raise Unavailable("The image could not be stored. Try again in a moment.") from error
