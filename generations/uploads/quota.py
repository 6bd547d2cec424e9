"""How many images a team may have handed in at a time, and how many are decoded at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db.models import Count, Min, Sum

from accounts.authority import By
from accounts.roles import Permission
from generations.errors import TooManyUploads
from generations.models import Upload
from platform_site.errors import Unavailable
from platform_site.rates import Rate

# Of a team. A film takes two frames at most, and an upload lives for two days.
MAX_LIVE_UPLOADS = 1_000
MAX_LIVE_BYTES = 4 * 1024**3
# A picture of 36 megapixels takes hundreds of MB while it is decoded, and there are eight threads.
DECODED_AT_ONCE = 2
PERSONS_RATE = Rate(60)  # a minute in each process, of one person
_WAIT_SECONDS = 10.0

_decoding = threading.BoundedSemaphore(DECODED_AT_ONCE)


def require_upload_room(by: By, *, now: datetime) -> None:
    """Raise `PermissionDenied` unless the member may submit, and `TooManyUploads` when their team
    has as many uploads as it may have.
    """
    team = by.membership.team
    by.require(Permission.SUBMIT, team_id=team.pk)
    live = Upload.objects.filter(team=team, expires_at__gt=now).aggregate(
        count=Count("pk"), size=Sum("size"), ends=Min("expires_at")
    )
    if live["count"] >= MAX_LIVE_UPLOADS or (live["size"] or 0) >= MAX_LIVE_BYTES:
        raise TooManyUploads(
            details={
                "limit": MAX_LIVE_UPLOADS,
                "limit_bytes": MAX_LIVE_BYTES,
                "resets_at": int(live["ends"].timestamp()) + 1,
            }
        )


@contextmanager
def decoding_slot(*, wait_seconds: float = _WAIT_SECONDS) -> Iterator[None]:
    """Let few pictures of this process be decoded at once; raise `Unavailable` after a while."""
    if not _decoding.acquire(timeout=wait_seconds):
        raise Unavailable("Many images are being checked at the moment. Try again soon.")
    try:
        yield
    finally:
        _decoding.release()
