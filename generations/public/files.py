"""Serve films, their pictures and uploads behind unguessable links, with Range for seeking."""

from datetime import datetime

import structlog
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from generations.archive import film_storage, note_download
from generations.models import Film
from generations.public.any_origin import for_any_origin
from generations.selectors import film_by_token, live_upload
from generations.uploads import upload_storage
from platform_site.http.ranges import ranged_file_response
from platform_site.stores import Store

log = structlog.get_logger(__name__)

RETRY_SECONDS = "10"
_PREVIEWS = {
    "small": ("small_poster_name", "image/webp"),
    "large": ("large_poster_name", "image/webp"),
    "preview": ("preview_name", "video/mp4"),
}


@for_any_origin
def film(request: HttpRequest, token: str) -> HttpResponseBase:
    """Play or, with `?download`, save a kept film."""
    kept = _known(token)
    if kept.state == Film.State.REMOVED:
        return _removed(kept)
    download = "download" in request.GET
    if download and request.method == "GET":
        note_download(kept, now=timezone.now())
    return _serve(
        request,
        film_storage(),
        kept.file_name,
        etag=kept.sha256,
        modified=kept.kept_at,
        content_type="video/mp4",
        download_as=f"dailies-{str(kept.pk)[:8]}.mp4" if download else None,
    )


@for_any_origin
def poster(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show a film's poster."""
    kept = _known(token)
    if kept.state == Film.State.REMOVED:
        return _removed(kept)
    return _serve(
        request,
        film_storage(),
        kept.poster_name,
        etag=f"p{kept.sha256}",
        modified=kept.kept_at,
        content_type="image/jpeg",
    )


@for_any_origin
def last_frame(request: HttpRequest, token: str) -> HttpResponseBase:
    """Show a film's last frame."""
    kept = _known(token)
    if kept.state == Film.State.REMOVED:
        return _removed(kept)
    return _serve(
        request,
        film_storage(),
        kept.last_frame_name,
        etag=f"l{kept.sha256}",
        modified=kept.kept_at,
        content_type="image/jpeg",
    )


@for_any_origin
def preview(request: HttpRequest, token: str, kind: str) -> HttpResponseBase:
    """Show a film's small or large poster for lists, or play its small silent film."""
    kept = _known(token)
    if kept.state == Film.State.REMOVED:
        return _removed(kept)
    column, content_type = _PREVIEWS[kind]
    name = getattr(kept.stored, column) if kept.stored else ""
    etag = f"{kind}-{kept.sha256}"
    return _serve(
        request, film_storage(), name, etag=etag, modified=kept.kept_at, content_type=content_type
    )


@for_any_origin
def upload(request: HttpRequest, token: str, ending: str) -> HttpResponseBase:
    """Show an uploaded image until its link expires."""
    live = live_upload(token, now=timezone.now()) if token.isprintable() else None
    if live is None or not live.file_name.endswith(f".{ending}"):
        raise Http404
    return _serve(
        request,
        upload_storage(),
        live.file_name,
        etag=token,
        modified=live.created_at,
        content_type=live.content_type,
    )


def _known(token: str) -> Film:
    # PostgreSQL takes no NUL, which a path may hold.
    known = film_by_token(token) if token.isprintable() else None
    if known is None:
        raise Http404
    return known


def _removed(film: Film) -> HttpResponse:
    """Say so to whoever has the link: it worked once, and will not again."""
    return HttpResponse(
        f"{film.problem}\n",
        status=410,
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "private, no-store"},
    )


def _serve(
    request: HttpRequest,
    storage: Store,
    name: str,
    *,
    etag: str,
    modified: datetime | None,
    content_type: str,
    download_as: str | None = None,
) -> HttpResponseBase:
    if not name:
        raise Http404
    try:
        file = storage.open(name)
        size = file.size
    except FileNotFoundError:
        # No name: an upload's is its token.
        log.error("stored_file_missing", content_type=content_type)  # noqa: TRY400
        raise Http404 from None
    except OSError as error:
        log.warning("store_not_readable", problem=type(error).__name__)
        return HttpResponse(
            "The storage does not answer. Try again in a moment.\n",
            status=503,
            content_type="text/plain; charset=utf-8",
            headers={"Retry-After": RETRY_SECONDS, "Cache-Control": "no-store"},
        )
    return ranged_file_response(
        request,
        file,
        size=size,
        content_type=content_type,
        etag=etag,
        modified=modified,
        download_as=download_as,
    )
